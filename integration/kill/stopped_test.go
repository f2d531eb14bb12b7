package kill_test

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A process sleeps at a point until its lease has gone to another, and then wakes.
func testStopped(t *testing.T) {
	eachKind(t, func(t *testing.T, all *grounds) {
		list := slices.DeleteFunc(all.drawn(t), func(d death) bool {
			return d.point == "release.after" || d.point == "acquire.before" // it has no lease
		})
		each(t, some(list, all.kind), func(ctx context.Context, d death) error {
			return all.on(ctx, func(g *ground) error { return g.sleep(ctx, d) })
		})
	})
}

func (g *ground) sleep(ctx context.Context, d death) error {
	o := g.order(d.Scenario)
	o.Point, o.Nth, o.Signal = d.point, d.nth, syscall.SIGSTOP
	if strings.HasPrefix(d.point, "renew") {
		o.Pace = g.ttl / 10
	}
	if d.first != "" {
		if _, err := g.dieAt(ctx, d.Scenario, d.first, 1); err != nil {
			return err
		}
	}
	sleeper, err := start(ctx, o)
	if err != nil {
		return err
	}
	_, asleep := sleeper.hears("at", patience)
	if asleep {
		score.count("stopped beyond the lease", 1)
	}
	next, err := start(ctx, g.order(d.Scenario))
	if err != nil {
		return err
	}
	// Where the sleeper has a transaction open, the other has to wait for it.
	if _, over := next.hears("claim", 2*g.ttl); over {
		score.count("taken over from a sleeper", 1)
	}
	sleeper.signal(syscall.SIGCONT)
	for _, p := range []*process{sleeper, next} {
		if err := p.wait(); err != nil {
			return err
		}
	}
	if _, err := g.settle(ctx, g.order(d.Scenario)); err != nil {
		return err
	}
	return g.audit(ctx, d.Scenario, true)
}
