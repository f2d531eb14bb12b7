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
	cost time.Duration // of the reading

	sums      func() *sums
	overviews overviews
	plans     [2]planned // of a run, of a rollback
	olderMu   sync.Mutex
	olderRuns []store.Run
}

// older reads the runs that are not among the latest, once for each snapshot.
func (s *snapshot) older(read func() ([]store.Run, error)) (runs []store.Run, err error) {
	s.olderMu.Lock()
	defer s.olderMu.Unlock()
	if s.olderRuns == nil {
		if s.olderRuns, err = read(); err == nil && s.olderRuns == nil {
			s.olderRuns = []store.Run{}
		}
	}
	return s.olderRuns, err
}

const (
	freshFor  = 400 * time.Millisecond
	restFor   = 8 // times what a reading takes: a ledger of a million ops is not read twice a second
	wavesFor  = 30 * time.Second
	patience  = 5 * time.Second // of a request, with a store that does not answer
	readFor   = time.Minute     // at most, for all ops: whoever asks again gets what was read meanwhile
	runsShown = 20
	openShown = 50
)

// cache shares one snapshot between all who look at about the same time, and one reading between
// all who wait for it.
type cache struct {
	mu   sync.Mutex
	last *snapshot
	next *reading // under way, nil if none is

	waves   map[string]int // of the latest plan
	wavesAt time.Time
}

type reading struct {
	over chan struct{} // closed when the rest is set
	s    *snapshot
	err  error
}

// look is the state of things, at most freshFor old, or eight times as old as it takes to read. It waits no longer than ctx lasts, also for a
// store that never answers: then one reading hangs, however many look.
func (c *console) look(ctx context.Context) (*snapshot, error) {
	c.cache.mu.Lock()
	if s, now := c.cache.last, c.clock.Now(); s != nil && now.Sub(s.at) < max(freshFor, restFor*s.cost) && now.Sub(s.at) >= 0 {
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
	ctx, cancel := context.WithTimeout(ctx, readFor)
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
	began := c.clock.Now()
	if r.s, r.err = c.read(ctx); r.s != nil {
		r.s.at = c.clock.Now()
		r.s.cost = r.s.at.Sub(began)
	}
}

// forget makes the next look a fresh one: what is being read may be from before.
func (c *console) forget() {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	c.cache.last, c.cache.next = nil, nil
	c.cache.wavesAt = time.Time{}
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
		history, err := c.history(ctx, &st.Ops[i], 1)
		if err != nil {
			return nil, err
		}
		if n := len(history); n > 0 {
			s.open[st.Ops[i].ID] = history[n-1]
		}
	}
	s.wave = c.keptWaves(ctx, st)
	s.sums = sync.OnceValue(s.sum)
	for i := range s.plans {
		s.plans[i].turn = make(chan struct{}, 1)
	}
	return s, nil
}

// stand is how ops and runs stand, one after the other.
func (c *console) stand(ctx context.Context) (*seq.Status, []store.Run, error) {
	st, err := c.seq.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	runs, err := c.latestRuns(ctx, runsShown)
	return st, runs, err
}

func seemsInterrupted(st *seq.Status, runs []store.Run) bool {
	r := latest(runs)
	return r != nil && (r.State == seq.RunStarted || r.State == seq.RunRollingBack) ||
		slices.ContainsFunc(st.Ops, func(o seq.OpStatus) bool { return o.State.Open() && !o.Background })
}

// keptWaves are the waves, planned anew when the ops are others or half a minute has gone by: a plan
// of many ops costs more than reading how they stand.
func (c *console) keptWaves(ctx context.Context, st *seq.Status) map[string]int {
	now := c.clock.Now()
	c.cache.mu.Lock()
	kept, at := c.cache.waves, c.cache.wavesAt
	c.cache.mu.Unlock()
	if kept != nil && now.Sub(at) < wavesFor {
		return kept
	}
	kept = c.waves(ctx, st)
	c.cache.mu.Lock()
	c.cache.waves, c.cache.wavesAt = kept, now
	c.cache.mu.Unlock()
	return kept
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

// current is the run that is not over, nil if there is none. Work in the background goes on beside it.
func (s *snapshot) current() *store.Run {
	r := latest(s.Runs)
	if r == nil || r.State.Final() || r.State == store.RunInterrupted && s.Holder != nil {
		return nil
	}
	return r
}

// latest is the latest run that is not one in the background, nil if there is none.
func latest(runs []store.Run) *store.Run {
	i := slices.IndexFunc(runs, func(r store.Run) bool { return r.Strategy != workStrategy })
	if i < 0 {
		return nil
	}
	return &runs[i]
}
