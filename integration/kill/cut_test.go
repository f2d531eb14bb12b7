package kill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// Backends are terminated while three processes work.
func testTerminated(t *testing.T) {
	all := onPostgres(t)
	each(t, roundsOf(max(1, *rounds/4)), func(ctx context.Context, r round) error {
		return all.on(ctx, func(g *ground) error { return g.terminate(ctx, r) })
	})
}

func (g *ground) terminate(ctx context.Context, r round) error {
	rnd := rand.New(rand.NewPCG(*seed, uint64(r)))
	s := scenarios[rnd.IntN(len(scenarios))]
	name := fmt.Sprintf("round%d", int(r))
	o := g.order(s)
	o.DSN, o.Pace = with(o.DSN, "application_name", name), 20*time.Millisecond
	fleet, err := startFleet(ctx, o, 3)
	if err != nil {
		return err
	}
	firstClaim(fleet)
	for range 25 {
		if err := clock.Sleep(ctx, clock.Wall(), time.Duration(rnd.Int64N(int64(40*time.Millisecond)))); err != nil {
			return err
		}
		ended, err := g.ledger.DB().NewSelect().TableExpr(`(SELECT pg_terminate_backend(pid) AS t FROM
			(SELECT pid FROM pg_stat_activity WHERE application_name = ? ORDER BY random() LIMIT 1) AS a) AS b`, name).Where("t").Count(ctx)
		if err != nil {
			return err
		}
		score.count("backends terminated", int(ended))
	}
	if err := waitFleet(fleet); err != nil {
		return err
	}
	if _, err := g.settle(ctx, g.order(s)); err != nil {
		return err
	}
	if err := g.audit(ctx, s, overslept(fleet)); err != nil {
		return fmt.Errorf("%w\nafter %v", err, fleet)
	}
	return nil
}

func startFleet(ctx context.Context, o order, n int) (fleet []*process, err error) {
	for range n {
		p, err := start(ctx, o)
		if err != nil {
			return nil, err
		}
		fleet = append(fleet, p)
	}
	return fleet, nil
}

// firstClaim waits until one of them works.
func firstClaim(fleet []*process) {
	claim := make(chan struct{}, len(fleet))
	for _, p := range fleet {
		go func() {
			p.hears("claim", patience)
			claim <- struct{}{}
		}()
	}
	<-claim
}

func waitFleet(fleet []*process) error {
	for _, p := range fleet {
		if err := p.wait(); err != nil {
			return err
		}
		if p.cmd.ProcessState.Success() {
			score.count("processes of a fleet that were cut off and succeeded", 1)
		}
	}
	return nil
}

// The server is stopped as by a power failure of its process, and started again, under three
// processes each of several fleets.
func testRestarted(t *testing.T) {
	if own == nil {
		missing(t, "postgres", errNoPrograms)
	}
	all := onPostgres(t)
	all.log = filepath.Join(t.TempDir(), "log.db") // goes on without the server
	for r := range max(1, *rounds/10) {
		rnd := rand.New(rand.NewPCG(*seed, uint64(r)))
		var grounds []*ground
		var fleets [][]*process
		for _, s := range scenarios {
			g, err := all.fresh(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer g.close()
			o := g.order(s)
			o.Pace = 30 * time.Millisecond
			fleet, err := startFleet(t.Context(), o, 3)
			if err != nil {
				t.Fatal(err)
			}
			grounds, fleets = append(grounds, g), append(fleets, fleet)
		}
		firstClaim(fleets[r%len(fleets)])
		if err := clock.Sleep(t.Context(), clock.Wall(), time.Duration(rnd.Int64N(int64(300*time.Millisecond)))); err != nil {
			t.Fatal(err)
		}
		if err := own.ask("restart\n"); err != nil {
			t.Fatal(err)
		}
		score.count("server restarts under 12 processes", 1)
		each(t, []int{0, 1, 2, 3}, func(ctx context.Context, i int) error {
			err := errors.Join(waitFleet(fleets[i]), grounds[i].reconnect(ctx))
			if err == nil {
				_, err = grounds[i].settle(ctx, grounds[i].order(scenarios[i]))
			}
			if err == nil {
				err = grounds[i].audit(ctx, scenarios[i], overslept(fleets[i]))
			}
			return err
		})
	}
}

// reconnect drops the connections that the server has closed.
func (g *ground) reconnect(ctx context.Context) error {
	return until(ctx, patience, "the server is there again", func() (bool, error) {
		_, err := g.ledger.Load(ctx)
		return err == nil && g.ledger.DB().PingContext(ctx) == nil, nil
	})
}
