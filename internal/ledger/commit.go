package ledger

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/store"
)

// slowCommit is how long a commit takes that others should wait to share: one in memory takes less, one that
// is synced to a disk more.
const slowCommit = 50 * time.Microsecond

// A committer does group commit for the workers of a run. While one write is under way, those that
// arrive are put together and committed together next, so that each pays a share of a commit; still
// nobody is told that something is written before it is durable. A write that nobody competes with
// goes straight to the store.
type committer struct {
	mu      sync.Mutex
	busy    bool // somebody writes
	waiting []*pendingWrite
	free    []*pendingWrite // to be used again

	// These belong to whoever made busy true.
	slow       bool            // the last commit took longer than slowCommit
	lastShared int             // how many others shared the last commit
	group      []*pendingWrite // what is being written
	batch      store.Batch     // of the group
	ids        map[string]bool // in the batch
}

// A pendingWrite is one batch that waits to be written.
type pendingWrite struct {
	batch   store.Batch
	turn    chan bool // true: it was written; false: its owner writes the next group
	refused []string
	err     error
}

// write writes a batch, also when the caller's context has ended. It waits as long as the lease is
// held, because the transaction of an op may block the ledger; after that, for recordTimeout.
func (s *Session) write(b store.Batch) (refused []string, err error) {
	c := &s.committer
	c.mu.Lock()
	first := !c.busy
	c.busy = true
	if first && (!c.slow || c.lastShared == 0) {
		c.mu.Unlock()
		refused, err = s.commit(b)
		c.next()
		return refused, err
	}
	p := c.take()
	p.batch = b
	c.waiting = append(c.waiting, p)
	c.mu.Unlock()
	if first || !<-p.turn {
		s.commitGroup(p)
	}
	refused, err = p.refused, p.err
	c.mu.Lock()
	defer c.mu.Unlock()
	p.batch, p.refused, p.err = store.Batch{}, nil, nil
	c.free = append(c.free, p)
	return refused, err
}

// take returns a pendingWrite that nobody uses. The caller holds mu.
func (c *committer) take() *pendingWrite {
	last := len(c.free) - 1
	if last < 0 {
		return &pendingWrite{turn: make(chan bool, 1)}
	}
	p := c.free[last]
	c.free = c.free[:last]
	return p
}

// commitGroup writes what waits, mine in it, and wakes the owners of the rest.
func (s *Session) commitGroup(mine *pendingWrite) {
	c := &s.committer
	c.linger()
	c.collect()
	refused, err := s.commit(c.batch)
	for _, p := range c.group {
		p.err = err
		if len(refused) > 0 {
			p.refused = refusedOf(&p.batch, refused)
		}
		if p != mine {
			p.turn <- true
		}
	}
	c.next()
}

func (s *Session) commit(b store.Batch) ([]string, error) {
	began := Wall.Now()
	refused, err := s.store.Write(s.writing, s.current(), b)
	s.committer.slow = s.noteAnswer().Sub(began) > slowCommit
	return refused, err
}

// linger yields the processor a few times, so that those who shared the last commit can join this
// one: they were woken together, and workers with short ops are back within microseconds, where a
// commit takes hundreds of them. Without it a batch of 32 no-op steps on Postgres took 1.7 times as
// long (docs/performance.md).
func (c *committer) linger() {
	for turns := 0; c.slow; turns++ {
		c.mu.Lock()
		enough := len(c.waiting) > c.lastShared || turns >= 4*c.lastShared
		c.mu.Unlock()
		if enough {
			return
		}
		runtime.Gosched()
	}
}

// next lets the first that waits write the next group.
func (c *committer) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.busy = false
		return
	}
	c.waiting[0].turn <- false
}

// collect takes from those that wait as many as one transaction can hold: of each op, and of the
// run, only one change at a time.
func (c *committer) collect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil {
		c.ids = map[string]bool{}
	}
	clear(c.ids)
	reset(&c.batch)
	n := 0
	for _, p := range c.waiting {
		if n > 0 && (p.batch.Run != nil || c.batch.Run != nil || c.overlaps(&p.batch)) {
			break
		}
		for id := range idsOf(&p.batch) {
			c.ids[id] = true
		}
		appendBatch(&c.batch, &p.batch)
		n++
	}
	c.group = append(c.group[:0], c.waiting[:n]...)
	c.waiting = slices.Delete(c.waiting, 0, n)
	c.lastShared = n - 1
}

// overlaps reports whether a batch is about an op that the group is about already.
func (c *committer) overlaps(b *store.Batch) bool {
	for id := range idsOf(b) {
		if c.ids[id] {
			return true
		}
	}
	return false
}

// reset empties a batch and keeps its memory.
func reset(b *store.Batch) {
	b.Outcomes, b.Saves, b.Headway = b.Outcomes[:0], b.Saves[:0], b.Headway[:0]
	b.Marks, b.Claims, b.Run = b.Marks[:0], b.Claims[:0], nil
}

// appendBatch adds the items of more to b.
func appendBatch(b, more *store.Batch) {
	b.Outcomes = append(b.Outcomes, more.Outcomes...)
	b.Saves = append(b.Saves, more.Saves...)
	b.Headway = append(b.Headway, more.Headway...)
	b.Marks = append(b.Marks, more.Marks...)
	b.Claims = append(b.Claims, more.Claims...)
	if more.Run != nil {
		b.Run = more.Run
	}
}

// idsOf are the IDs of all items of a batch.
func idsOf(b *store.Batch) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range b.Outcomes {
			if !yield(b.Outcomes[i].ID) {
				return
			}
		}
		for i := range b.Saves {
			if !yield(b.Saves[i].ID) {
				return
			}
		}
		for i := range b.Headway {
			if !yield(b.Headway[i].ID) {
				return
			}
		}
		for i := range b.Marks {
			if !yield(b.Marks[i].ID) {
				return
			}
		}
		for i := range b.Claims {
			if !yield(b.Claims[i].ID) {
				return
			}
		}
	}
}

// refusedOf are the IDs of a batch that are in refused.
func refusedOf(b *store.Batch, refused []string) (ids []string) {
	for id := range idsOf(b) {
		if slices.Contains(refused, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
