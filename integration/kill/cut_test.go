//go:build kill

package kill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sequencer-go/seq/clock"
)

// A loss is a commit whose answer never comes, because the proxy closes the connection.
type loss struct {
	Scenario
	nth    int // counted over all connections
	before bool
}

func (l loss) String() string {
	return fmt.Sprintf("%s, commit %d, lost before the server hears of it: %v", l.Scenario, l.nth, l.before)
}

// The n-th commit of a process is lost on its way to the server, or its answer on the way back.
func testUnanswered(t *testing.T) {
	server := onPostgres(t)
	var losses []loss
	for _, s := range scenarios[:2] {
		commits := 0
		if err := server.on(t.Context(), func(g *ground) (err error) {
			commits, _, err = g.lose(t.Context(), loss{Scenario: s})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for n := range commits {
			losses = append(losses, loss{s, n + 1, true}, loss{s, n + 1, false})
		}
	}
	each(t, some(losses, server.kind), func(ctx context.Context, l loss) error {
		return server.on(ctx, func(g *ground) error {
			commits, child, err := g.lose(ctx, l)
			if err != nil {
				return err
			}
			switch {
			case commits >= l.nth:
			case slices.Contains(child.failed(), "lease lost"):
				return errSlow
			default:
				return fmt.Errorf("there were %d commits: %s", commits, child)
			}
			name := "answers to a commit lost"
			if l.before {
				name = "commits lost"
			}
			score.count(name, 1)
			if failed := child.failed(); l.Fails == (failed[0] == "boom" && len(failed) == 1) && l.Fails != child.cmd.ProcessState.Success() {
				score.count(name+", and its process did not mind", 1)
			} else if !l.before {
				t.Logf("%s: %s", l, child)
			}
			if _, err := g.settle(ctx, g.order(l.Scenario)); err != nil {
				return err
			}
			return g.audit(ctx, l.Scenario, false)
		})
	})
}

// lose runs a child behind a proxy, and returns how many commits there were.
func (g *ground) lose(ctx context.Context, l loss) (commits int, child *process, err error) {
	p, err := newProxy(ctx, g.dsn, l.nth, l.before)
	if err != nil {
		return 0, nil, err
	}
	defer p.close()
	o := g.order(l.Scenario)
	o.DSN, o.TTL = p.dsn(g.dsn), healthy // nobody has to wait for it to expire
	if child, err = start(ctx, o); err == nil {
		err = child.wait()
	}
	return int(p.commits.Load()), child, err
}

// address is where a server listens.
func address(dsn string) (network, addr string, err error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", "", err
	}
	network, addr = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	return network, addr, nil
}

// Backends are terminated while three processes work.
func testTerminated(t *testing.T) {
	all := onPostgres(t)
	each(t, roundsOf(*rounds/4), func(ctx context.Context, r round) error {
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
	for r := range *rounds / 10 {
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
func (g *ground) reconnect(ctx context.Context) (err error) {
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if err = g.ledger.DB().PingContext(ctx); err == nil {
			_, err = g.ledger.Load(ctx)
		}
		if err == nil {
			return nil
		}
	}
	return err
}
