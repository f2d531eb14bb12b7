package kill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// A round is three processes that are killed at random moments.
type round int

func (r round) String() string { return fmt.Sprintf("round %d of -kill.seed=%d", int(r), *seed) }

func roundsOf(n int) []round {
	list := make([]round, n)
	for i := range list {
		list[i] = round(i)
	}
	return list
}

// shuffle is by -kill.seed, and otherwise for every kind of database.
func shuffle[T any](list []T, kind string) {
	rnd := rand.New(rand.NewPCG(*seed, uint64(len(kind))))
	rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// some of a list, or all of it if that is asked for.
func some[T any](list []T, kind string) []T {
	if *every {
		return list
	}
	shuffle(list, kind)
	return list[:min(*rounds, len(list))]
}

func testRandom(t *testing.T) {
	eachKind(t, func(t *testing.T, all *grounds) {
		each(t, roundsOf(*rounds/2), func(ctx context.Context, r round) error {
			return all.on(ctx, func(g *ground) error { return g.round(ctx, r) })
		})
	})
}

func (g *ground) round(ctx context.Context, r round) error {
	rnd := rand.New(rand.NewPCG(*seed, uint64(r)))
	s := scenarios[rnd.IntN(len(scenarios))]
	var fleet []*process
	for i := range 3 {
		o := g.order(s)
		o.Pace = time.Duration(rnd.IntN(20)) * time.Millisecond
		p, err := start(ctx, o)
		if err != nil {
			return err
		}
		fleet = append(fleet, p)
		moment := time.Duration(rnd.Int64N(int64(500 * time.Millisecond)))
		if rnd.IntN(2) == 0 {
			moment += time.Duration(i) * g.ttl // when the one before was taken over
		}
		time.AfterFunc(moment, func() { p.signal(syscall.SIGKILL) })
	}
	var last time.Time
	for _, p := range fleet {
		if err := p.wait(); err != nil {
			return err
		}
		if p.killed() {
			score.count("kills at random", 1)
			last = later(last, p.end)
		} else {
			score.count("too late to be killed at random", 1)
		}
	}
	next, err := g.settle(ctx, g.order(s))
	if err != nil {
		return err
	}
	score.takeover("a random kill", last, next)
	return g.audit(ctx, s, overslept(fleet))
}

// overslept reports whether one of them worked on when its lease had gone to another.
func overslept(fleet []*process) bool {
	return slices.ContainsFunc(fleet, func(p *process) bool { return slices.Contains(p.failed(), "lease lost") })
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
