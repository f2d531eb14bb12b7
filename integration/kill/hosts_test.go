package kill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/integration/internal/lab"
	"github.com/sequencer-go/seq/store"
)

// An accident is a fault that befalls the host that works.
type accident struct {
	Scenario
	lab.Fault
}

func (a accident) String() string { return fmt.Sprintf("%s, %s", a.Scenario, a.Name) }

// Of three replicas on hosts of their own, the one that works is paused, killed or cut off, and
// another takes over. What befell it ends, and it does no harm.
func testHosts(t *testing.T) {
	p := newPlace(t)
	var accidents []accident
	for i, f := range lab.Faults {
		for j, s := range scenarios {
			if *every || (int(*seed)+i)%len(scenarios) == j {
				accidents = append(accidents, accident{s, f})
			}
		}
	}
	each(t, accidents, func(ctx context.Context, a accident) error {
		return p.grounds.on(ctx, func(g *ground) error { return p.befall(ctx, g, a) })
	})
}

func (p *place) befall(ctx context.Context, g *ground, a accident) error {
	o := g.order(a.Scenario)
	o.Pace, o.Cut = g.ttl/6, 3*g.ttl
	hosts, err := p.start(ctx, o, 3)
	defer hosts.Remove()
	if err != nil {
		return err
	}
	if _, err := hosts.holder(ctx, g, ""); err != nil {
		return err
	}
	if err := clock.Sleep(ctx, clock.Wall(), rand.N(g.ttl/2)); err != nil {
		return err
	}
	struck, err := hosts.holder(ctx, g, "")
	if err != nil {
		return err
	}
	if err := a.Strike(ctx, p.Lab, struck); err != nil {
		if state, serr := hosts.Hosts[struck].State(ctx); serr == nil && !state.Running {
			return errSlow // its work was done before we came to strike
		}
		return err
	}
	began := time.Now()
	if _, err := hosts.holder(ctx, g, struck); err != nil {
		return err
	}
	score.count(a.Name, 1)
	score.took("takeover after "+a.Name, time.Since(began))
	if a.Heal != nil {
		if err := a.Heal(ctx, p.Lab, struck); err != nil {
			return err
		}
	}
	if err := until(ctx, patience+60*g.ttl, "all hosts have ended", func() (bool, error) { return hosts.Ended(ctx, ""), nil }); err != nil {
		return err
	}
	if _, err := g.settle(ctx, g.order(a.Scenario)); err != nil {
		return err
	}
	return g.audit(ctx, a.Scenario, a.Heal != nil)
}

// holder waits until a host that is not this one has the lease.
func (hs hosts) holder(ctx context.Context, g *ground, not string) (host string, err error) {
	err = until(ctx, patience, fmt.Sprintf("another than %q takes the lease", not), func() (bool, error) {
		held, err := g.ledger.Holder(ctx, store.RunLease)
		switch {
		case err != nil:
			return true, err
		case held != nil && held.Holder.Host != not:
			host = held.Holder.Host
			return true, nil
		case hs.Ended(ctx, not):
			return true, errSlow // all was done before we came to strike
		default:
			return false, nil
		}
	})
	return host, err
}
