package kill_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A loss is a commit whose answer never comes, because the proxy closes the connection.
type loss struct {
	Scenario
	nth int // counted over all connections
	how manner
}

func (l loss) String() string {
	return fmt.Sprintf("%s, %s, number %d", l.Scenario, lossNames[l.how], l.nth)
}

var lossNames = [...]string{unheard: "commits lost", unanswered: "answers to a commit lost"}

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
			losses = append(losses, loss{s, n + 1, unheard}, loss{s, n + 1, unanswered})
		}
	}
	each(t, some(losses, server.kind), func(ctx context.Context, l loss) error {
		return server.on(ctx, func(g *ground) error {
			commits, child, err := g.lose(ctx, l)
			if err != nil {
				return err
			}
			name := lossNames[l.how]
			switch failed := child.failed(); {
			case commits < l.nth && slices.Contains(failed, "lease lost"):
				return errSlow
			case commits < l.nth: // how many share one depends on the moment
				name = "commits that a process did not come to"
			case l.Fails && slices.Equal(failed, []string{"boom"}), !l.Fails && child.cmd.ProcessState.Success():
				score.count(name+", and its process did not mind", 1)
			}
			score.count(name, 1)
			if _, err := g.settle(ctx, g.order(l.Scenario)); err != nil {
				return err
			}
			return g.audit(ctx, l.Scenario, false)
		})
	})
}

// lose runs a child behind a proxy, and returns how many commits there were.
func (g *ground) lose(ctx context.Context, l loss) (commits int, child *process, err error) {
	p, err := newProxy(ctx, g.dsn, l.nth, l.how)
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
