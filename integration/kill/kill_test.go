//go:build kill

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
)

var (
	every  = flag.Bool("kill.all", false, "at every occurrence of every point and commit, not at some")
	rounds = flag.Int("kill.rounds", 24, "rounds of three random kills")
	seed   = flag.Uint64("kill.seed", 1, "of what is drawn")
	ttl    = flag.Duration("kill.ttl", 2*time.Second, "of the leases of those who die")
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
	_, noEngine := engine(t.Context())
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"points", testPoints},
		{"random", testRandom},
		{"stopped", testStopped},
		{"unanswered", testUnanswered},
		{"gone", testGone},
		{"terminated", testTerminated},
		{"restarted", testRestarted},
		{"asked to end", testAsked},
		{"cold start", testColdStart},
		{"hosts", testHosts},
	} {
		if part.name == "hosts" && noEngine != nil && !required("docker") { // a skip would look like a hole
			t.Logf("no hosts: %v", noEngine)
			continue
		}
		began := time.Now()
		if t.Run(part.name, part.test) && time.Since(began) > time.Second { // else -run left it out
			score.took("test: "+part.name, time.Since(began))
		}
	}
	t.Log(&score)
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
