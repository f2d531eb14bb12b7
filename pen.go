package seq

import (
	"github.com/sequencer-go/seq/store"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A pen writes the batches of a run's workers. While one write is under way, those that come up are
// put together, and committed together next: what each pays for is a share of a commit, and still
// nobody hears that something is written before it is durable.
type pen struct {
	mu      sync.Mutex
	busy    bool
	waiting []*note
	free    []*note // for others to use

	// Whoever writes has these.
	slow    bool // a commit takes long
	company int  // how many others were in the last lot
	lot     []*note
	whole   store.Batch
	seen    map[string]bool
}

// note is one batch that waits to be written.
type note struct {
	batch   store.Batch
	turn    chan bool // true: written; false: whoever waits writes the next lot, this one in it
	refused []string
	err     error
}

// write writes a batch, also when the caller's context has ended. It waits as long as the lease is
// held, because another op's transaction may hold up the ledger; after that, not for long.
func (j *journal) write(b store.Batch) (refused []string, err error) {
	p := &j.pen
	p.mu.Lock()
	first := !p.busy
	p.busy = true
	if first && (!p.slow || p.company == 0) {
		p.mu.Unlock()
		refused, err = j.commit(b)
		p.pass()
		return refused, err
	}
	n := p.blank()
	n.batch = b
	p.waiting = append(p.waiting, n)
	p.mu.Unlock()
	if first || !<-n.turn {
		j.writeLot(n)
	}
	refused, err = n.refused, n.err
	p.mu.Lock()
	defer p.mu.Unlock()
	n.batch, n.refused, n.err = store.Batch{}, nil, nil
	p.free = append(p.free, n)
	return refused, err
}

// blank is a note that nobody has.
func (p *pen) blank() *note {
	last := len(p.free) - 1
	if last < 0 {
		return &note{turn: make(chan bool, 1)}
	}
	n := p.free[last]
	p.free = p.free[:last]
	return n
}

// writeLot writes what waits, mine in it, and tells the others.
func (j *journal) writeLot(mine *note) {
	p := &j.pen
	p.await()
	p.gather()
	refused, err := j.commit(p.whole)
	for _, n := range p.lot {
		n.err = err
		if len(refused) > 0 {
			n.refused = amongBatch(&n.batch, refused)
		}
		if n != mine {
			n.turn <- true
		}
	}
	p.pass()
}

// slowCommit is what a commit takes that is worth sharing.
const slowCommit = 50 * time.Microsecond

func (j *journal) commit(b store.Batch) ([]string, error) {
	began := wall.Now()
	refused, err := j.store.Write(j.writing, j.current(), b)
	j.pen.slow = j.hear().Sub(began) > slowCommit
	return refused, err
}

// await lets those come up who shared the last commit: they were told of it together, and those whose
// ops are short are all but here. It takes microseconds, a commit hundreds of them.
func (p *pen) await() {
	for turns := 0; p.slow; turns++ {
		p.mu.Lock()
		enough := len(p.waiting) > p.company || turns >= 4*p.company
		p.mu.Unlock()
		if enough {
			return
		}
		runtime.Gosched()
	}
}

// pass lets the first that waits write.
func (p *pen) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.busy = false
		return
	}
	p.waiting[0].turn <- false
}

// gather takes those that can be written together: of one op, and of the run, only one thing at a time.
func (p *pen) gather() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	clear(p.seen)
	emptyBatch(&p.whole)
	n := 0
	for _, m := range p.waiting {
		b := &m.batch
		if n > 0 && (b.Run != nil || p.whole.Run != nil || p.again(b)) {
			break
		}
		for id := range batchIDs(b) {
			p.seen[id] = true
		}
		addBatch(&p.whole, b)
		n++
	}
	p.lot = append(p.lot[:0], p.waiting[:n]...)
	p.waiting = slices.Delete(p.waiting, 0, n)
	p.company = n - 1
}

// again reports whether a batch is about an op that is in the lot already.
func (p *pen) again(b *store.Batch) bool {
	for id := range batchIDs(b) {
		if p.seen[id] {
			return true
		}
	}
	return false
}
