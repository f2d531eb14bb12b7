package console

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// snapshot is how everything stood at one moment. It is shared by requests, and read only.
type snapshot struct {
	*seq.Status
	Runs []store.Run              // the latest, the newest first
	open map[string]store.Attempt // of the ops that somebody works on
	wave map[string]int           // of each registered op, as the strategy plans a whole run
	news *News
	at   time.Time

	overviews sync.Map // rendered, by filter and actor: many may look at once
}

const (
	freshFor  = 400 * time.Millisecond
	patience  = 5 * time.Second // with a store that does not answer
	runsShown = 20
	// attemptsShown is how many attempts the page of an op shows, the latest.
	attemptsShown = 500
	openShown     = 50
)

// cache shares one snapshot between all who look at about the same time, and one reading between
// all who wait for it.
type cache struct {
	mu   sync.Mutex
	last *snapshot
	next *reading // under way, nil if none is
}

type reading struct {
	over chan struct{} // closed when the rest is set
	s    *snapshot
	err  error
}

// look is the state of things, at most freshFor old. It waits no longer than ctx lasts, also for a
// store that never answers: then one reading hangs, however many look.
func (c *console) look(ctx context.Context) (*snapshot, error) {
	c.cache.mu.Lock()
	if s, now := c.cache.last, c.clock.Now(); s != nil && now.Sub(s.at) < freshFor && now.Sub(s.at) >= 0 {
		c.cache.mu.Unlock()
		return s, nil
	}
	r := c.cache.next
	if r == nil {
		r = &reading{over: make(chan struct{})}
		c.cache.next = r
		go c.fill(context.WithoutCancel(ctx), r)
	}
	c.cache.mu.Unlock()
	select {
	case <-r.over:
		return r.s, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fill does a reading. Whoever began it may leave; the others get it all the same.
func (c *console) fill(ctx context.Context, r *reading) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // the strategy is the user's code
			r.s, r.err = nil, fmt.Errorf("%w: %v", seq.ErrPanic, p)
		}
		c.cache.mu.Lock()
		defer c.cache.mu.Unlock()
		if c.cache.next == r {
			c.cache.next, c.cache.last = nil, r.s
		}
		close(r.over)
	}()
	r.err = fmt.Errorf("%w: the reading did not return", seq.ErrPanic)
	if r.s, r.err = c.read(ctx); r.s != nil {
		r.s.at = c.clock.Now()
	}
}

// forget makes the next look a fresh one: what is being read may be from before.
func (c *console) forget() {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	c.cache.last, c.cache.next = nil, nil
}

func (c *console) read(ctx context.Context) (*snapshot, error) {
	st, runs, err := c.stand(ctx)
	if err == nil && st.Holder == nil && seemsInterrupted(st, runs) {
		st, runs, err = c.stand(ctx) // a run may have begun or ended between the queries: look twice before saying so
	}
	if err != nil {
		return nil, err
	}
	s := &snapshot{Status: st, Runs: runs, open: map[string]store.Attempt{}, news: c.news}
	for i := range st.Ops {
		if !st.Ops[i].State.Open() || len(s.open) == openShown {
			continue
		}
		history, err := c.seq.Store().History(ctx, st.Ops[i].ID, store.Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(history) > 0 {
			s.open[st.Ops[i].ID] = history[0]
		}
	}
	s.wave = c.waves(ctx, st)
	return s, nil
}

// stand is how ops and runs stand, one after the other.
func (c *console) stand(ctx context.Context) (*seq.Status, []store.Run, error) {
	st, err := c.seq.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	runs, err := c.seq.Store().Runs(ctx, store.Page{Limit: runsShown})
	return st, runs, err
}

func seemsInterrupted(st *seq.Status, runs []store.Run) bool {
	return len(runs) > 0 && (runs[0].State == seq.RunStarted || runs[0].State == seq.RunRollingBack) ||
		slices.ContainsFunc(st.Ops, func(o seq.OpStatus) bool { return o.State.Open() })
}

// waves places each registered op: where the strategy would have it in a run of everything, or, if
// it refuses to plan one, one wave behind what it depends on.
func (c *console) waves(ctx context.Context, st *seq.Status) map[string]int {
	wave := make(map[string]int, len(st.Ops))
	if plan, err := c.seq.Preview(ctx, seq.Repeat()); err == nil {
		for i := range plan.Steps {
			wave[plan.Steps[i].ID] = plan.Steps[i].Wave
		}
		return wave
	}
	index := make(map[string]*seq.OpStatus, len(st.Ops))
	for i := range st.Ops {
		if st.Ops[i].Registered {
			index[st.Ops[i].ID] = &st.Ops[i]
		}
	}
	var place func(o *seq.OpStatus) int
	place = func(o *seq.OpStatus) int {
		if w, placed := wave[o.ID]; placed {
			return w
		}
		w := 0
		wave[o.ID] = w // a cycle was refused before
		for _, id := range o.DependsOn {
			if d := index[id]; d != nil {
				w = max(w, place(d)+1)
			}
		}
		wave[o.ID] = w
		return w
	}
	for _, o := range index {
		place(o)
	}
	return wave
}

// find is an op by its ID, nil if neither code nor ledger knows it.
func (s *snapshot) find(id string) *seq.OpStatus {
	i := slices.IndexFunc(s.Ops, func(o seq.OpStatus) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Ops[i]
}

// current is the run that is not over, nil if there is none.
func (s *snapshot) current() *store.Run {
	if len(s.Runs) == 0 || s.Runs[0].State.Final() {
		return nil
	}
	return &s.Runs[0]
}
