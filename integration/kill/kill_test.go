package kill_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq/integration/internal/lab"
	"github.com/sequencer-go/seq/integration/pgtest"
)

var (
	every  = flag.Bool("kill.all", false, "at every occurrence of every point and commit, not at some")
	rounds = flag.Int("kill.rounds", 8, "how often what has no list of its own is done: a round of random kills, say")
	seed   = flag.Uint64("kill.seed", 1, "of what is drawn")
	ttl    = flag.Duration("kill.ttl", 2*time.Second, "of the leases of those who die, at the least")
	width  = flag.Int("kill.width", 8, "fleets at a time")
)

// own is the tests' own Postgres, nil if it cannot be had.
var own *server

// TestKills is one test, so that the figures at its end are of all of it.
func TestKills(t *testing.T) {
	if testing.Short() {
		t.Skip("processes are killed without -short")
	}
	srv, err := newServer()
	switch {
	case err == nil:
		own = srv
		defer own.close()
	case !errors.Is(err, errNoPrograms):
		t.Fatal(err)
	}
	gauge(t)
	var beside sync.WaitGroup // hosts are slow to start, and have a database of their own
	if err := lab.Answers(t.Context()); err == nil || pgtest.Required("docker") {
		beside.Go(func() { part(t, "hosts", testHosts) })
	} else { // a skip would look like a hole
		t.Logf("no hosts: %v", err)
	}
	part(t, "points", testPoints)
	part(t, "random", testRandom)
	part(t, "stopped", testStopped)
	part(t, "unanswered", testUnanswered)
	part(t, "gone", testGone)
	part(t, "terminated", testTerminated)
	part(t, "restarted", testRestarted)
	part(t, "asked to end", testAsked)
	part(t, "cold start", testColdStart)
	beside.Wait()
	t.Log(&score)
}

// part is a test of one fault.
func part(t *testing.T, name string, test func(*testing.T)) {
	began := time.Now()
	if t.Run(name, test) && time.Since(began) > time.Second { // else -run left it out
		score.took("test: "+name, time.Since(began))
	}
}

// gauge makes leases longer on a machine where a process takes long: it is not to lose its own
// because others, -kill.width of them, work beside it.
func gauge(t *testing.T) {
	t.Helper()
	var took time.Duration
	err := onSQLite(t).on(t.Context(), func(g *ground) error {
		began := time.Now()
		_, err := g.settle(t.Context(), g.order(scenarios[0]))
		took = time.Since(began)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	*ttl = max(*ttl, 3*took).Round(100 * time.Millisecond)
	healthy = max(healthy, 6**ttl)
	t.Logf("a process takes %s here: leases of %s for those who die, of %s for others", ms(took), *ttl, healthy)
}

// each does several things at a time. Each waits for others most of the time, so there are more
// than -parallel would allow.
func each[T any](t *testing.T, items []T, do func(context.Context, T) error) {
	t.Helper()
	slots := make(chan struct{}, *width)
	var wg sync.WaitGroup
	for _, item := range items {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := do(t.Context(), item); err != nil && t.Context().Err() == nil {
				t.Errorf("%v: %v", item, err)
			}
		})
	}
	wg.Wait()
}

// scenarios are what is killed.
var scenarios = []Scenario{
	{Strategy: "sequential"},
	{Strategy: "transactional-batch", Fails: true},
	{Strategy: "dependency-graph"},
	{Strategy: "dependency-graph", Fails: true},
}

// dieAt runs a child that kills itself at a point.
func (g *ground) dieAt(ctx context.Context, s Scenario, point string, nth int) (*process, error) {
	o := g.order(s)
	o.Point, o.Nth, o.Signal = point, nth, syscall.SIGKILL
	if point == "renew.before" || point == "renew.after" {
		o.Pace = g.ttl / 10
	}
	p, err := start(ctx, o)
	if err == nil {
		err = p.wait()
	}
	switch {
	case err != nil:
		return nil, err
	case slices.Contains(p.failed(), "lease lost"):
		return nil, errSlow
	case !p.killed():
		return nil, fmt.Errorf("%w: %s", errNotThere, p)
	}
	score.reached(g.kind, point)
	score.count("kills at a point", 1)
	return p, nil
}

// on makes a ground for one test, and gives it back. A machine so slow that leases are lost on it
// before anybody dies is given longer ones.
func (a *grounds) on(ctx context.Context, do func(*ground) error) error {
	for try := 1; ; try++ {
		g, err := a.fresh(ctx)
		if err != nil {
			return err
		}
		g.ttl = *ttl << (try - 1)
		err = do(g)
		g.close()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errSlow) || try == 5:
			return fmt.Errorf("%s: %w", a.kind, err)
		}
		score.count("leases lost on a slow machine", 1)
	}
}

var (
	errNotThere = errors.New("a process did not come to its point")
	errSlow     = errors.New("a process lost its lease before it came to its point")
)
