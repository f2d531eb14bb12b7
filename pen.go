package seq

import (
	"runtime"
	"slices"
	"sync"
)

// A pen writes the batches of a run's workers. While one write is under way, those that come up are
// put together, and committed together next: what each pays for is a share of a commit, and still
// nobody hears that something is written before it is durable.
type pen struct {
	mu      sync.Mutex
	busy    bool
	company int // how many others were in the last lot
	waiting []*note
}

// note is one batch that waits to be written.
type note struct {
	batch   Batch
	turn    chan bool // true: written; false: whoever waits writes the next lot, this one in it
	refused []string
	err     error
}

// write writes a batch, also when the caller's context has ended. It waits as long as the lease is
// held, because another op's transaction may hold up the ledger; after that, not for long.
func (j *journal) write(b Batch) ([]string, error) {
	p := &j.pen
	p.mu.Lock()
	first := !p.busy
	p.busy = true
	if first && p.company == 0 {
		p.mu.Unlock()
		refused, err := j.commit(b)
		j.pen.pass()
		return refused, err
	}
	n := &note{batch: b, turn: make(chan bool, 1)}
	p.waiting = append(p.waiting, n)
	p.mu.Unlock()
	if !first && <-n.turn {
		return n.refused, n.err
	}
	p.await()
	lot, whole := p.lot()
	refused, err := j.commit(whole)
	for _, m := range lot {
		m.err = err
		if len(refused) > 0 {
			m.refused = m.batch.among(refused)
		}
		if m != n {
			m.turn <- true
		}
	}
	p.pass()
	return n.refused, n.err
}

// await lets those come up who shared the last commit: they were told of it together, and those whose
// ops are short are all but here. It takes microseconds, a commit hundreds of them.
func (p *pen) await() {
	for turns := 0; ; turns++ {
		p.mu.Lock()
		enough := len(p.waiting) > p.company || turns >= 4*p.company
		p.mu.Unlock()
		if enough {
			return
		}
		runtime.Gosched()
	}
}

func (j *journal) commit(b Batch) ([]string, error) {
	return j.store.Write(j.writing, j.current(), b)
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

// lot takes those that can be written together: of one op, and of the run, only one thing at a time.
func (p *pen) lot() ([]*note, Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var whole Batch
	seen := make(map[string]bool, 2*len(p.waiting))
	n := 0
	for _, m := range p.waiting {
		ids := m.batch.ids()
		if n > 0 && (m.batch.Run != nil || whole.Run != nil || slices.ContainsFunc(ids, func(id string) bool { return seen[id] })) {
			break
		}
		for _, id := range ids {
			seen[id] = true
		}
		whole = whole.with(m.batch)
		n++
	}
	lot := slices.Clone(p.waiting[:n])
	p.company = n - 1
	p.waiting = slices.Delete(p.waiting, 0, n)
	return lot, whole
}

// with is both batches as one.
func (b Batch) with(more Batch) Batch {
	b.Outcomes = append(b.Outcomes, more.Outcomes...)
	b.Saves = append(b.Saves, more.Saves...)
	b.Headway = append(b.Headway, more.Headway...)
	b.Marks = append(b.Marks, more.Marks...)
	b.Claims = append(b.Claims, more.Claims...)
	if more.Run != nil {
		b.Run = more.Run
	}
	return b
}

// ids are those of all items.
func (b *Batch) ids() []string {
	ids := make([]string, 0, len(b.Outcomes)+len(b.Saves)+len(b.Headway)+len(b.Marks)+len(b.Claims))
	for i := range b.Outcomes {
		ids = append(ids, b.Outcomes[i].ID)
	}
	for i := range b.Saves {
		ids = append(ids, b.Saves[i].ID)
	}
	for i := range b.Headway {
		ids = append(ids, b.Headway[i].ID)
	}
	for i := range b.Marks {
		ids = append(ids, b.Marks[i].ID)
	}
	for i := range b.Claims {
		ids = append(ids, b.Claims[i].ID)
	}
	return ids
}

// among are the IDs of the batch that are in a list.
func (b *Batch) among(list []string) []string {
	return slices.DeleteFunc(b.ids(), func(id string) bool { return !slices.Contains(list, id) })
}
