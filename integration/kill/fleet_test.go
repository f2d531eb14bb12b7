package kill_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// A process that is asked to end gives its lease back at once.
func testAsked(t *testing.T) {
	eachKind(t, func(t *testing.T, all *grounds) {
		each(t, roundsOf(max(1, *rounds/4)), func(ctx context.Context, r round) error {
			s := scenarios[int(r)%len(scenarios)]
			return all.on(ctx, func(g *ground) error { return g.ask(ctx, s) })
		})
	})
}

func (g *ground) ask(ctx context.Context, s Scenario) error {
	o := g.order(s)
	o.Pace, o.TTL = 100*time.Millisecond, healthy // it is given back, or not for long
	p, err := start(ctx, o)
	if err != nil {
		return err
	}
	if _, working := p.hears("claim", patience); !working {
		return fmt.Errorf("it never began: %s", p)
	}
	p.signal(syscall.SIGTERM)
	asked := time.Now()
	err = until(ctx, patience, "it gives its lease back", func() (bool, error) {
		held, err := g.ledger.DB().NewSelect().Table("seq_leases").Where("holder IS NOT NULL").Count(ctx)
		return held == 0, err
	})
	if err != nil {
		return err
	}
	score.took("from SIGTERM to a free lease, "+g.kind, time.Since(asked))
	if err := p.wait(); err != nil {
		return err
	}
	if _, err := g.settle(ctx, g.order(s)); err != nil {
		return err
	}
	return g.audit(ctx, s, false)
}

// Many processes start at once on an empty database, and none of them reports an error.
func testColdStart(t *testing.T) {
	replicas := min(2**rounds, 50)
	eachKind(t, func(t *testing.T, all *grounds) {
		err := all.on(t.Context(), func(g *ground) error {
			o := g.order(scenarios[0])
			o.TTL = healthy // so many are slow to start
			many := fmt.Sprintf("%d replicas on an empty %s", replicas, g.kind)
			began := time.Now()
			fleet, err := startFleet(t.Context(), o, replicas)
			if err != nil {
				return err
			}
			for _, p := range fleet {
				if err := p.wait(); err != nil {
					return err
				}
				if !p.cmd.ProcessState.Success() {
					score.count("errors of "+many, 1)
					t.Error(p)
				}
			}
			score.took(many, time.Since(began))
			return g.audit(t.Context(), scenarios[0], false)
		})
		if err != nil {
			t.Error(err)
		}
	})
}
