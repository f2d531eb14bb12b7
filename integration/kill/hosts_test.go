package kill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// A fault is what befalls a host while it works.
type fault struct {
	name   string
	strike func(ctx context.Context, l *lab, host string) error
	heal   func(ctx context.Context, l *lab, host string) error // nil: it is not healed
}

var faults = []fault{
	{"docker pause", func(ctx context.Context, l *lab, host string) error {
		_, err := l.docker.ContainerPause(ctx, host, client.ContainerPauseOptions{})
		return err
	}, func(ctx context.Context, l *lab, host string) error {
		_, err := l.docker.ContainerUnpause(ctx, host, client.ContainerUnpauseOptions{})
		return err
	}},
	{"docker kill", func(ctx context.Context, l *lab, host string) error {
		_, err := l.docker.ContainerKill(ctx, host, client.ContainerKillOptions{})
		return err
	}, nil},
	{"docker network disconnect", func(ctx context.Context, l *lab, host string) error {
		_, err := l.docker.NetworkDisconnect(ctx, l.network.ID, client.NetworkDisconnectOptions{Container: host, Force: true})
		return err
	}, func(ctx context.Context, l *lab, host string) error {
		_, err := l.docker.NetworkConnect(ctx, l.network.ID, client.NetworkConnectOptions{Container: host})
		return err
	}},
}

// An accident is a fault that befalls the host that works.
type accident struct {
	Scenario
	fault
}

func (a accident) String() string { return fmt.Sprintf("%s, %s", a.Scenario, a.name) }

// Of three replicas on hosts of their own, the one that works is paused, killed or cut off, and
// another takes over. What befell it ends, and it does no harm.
func testHosts(t *testing.T) {
	l := newLab(t)
	var accidents []accident
	for i, f := range faults {
		for j, s := range scenarios {
			if *every || (int(*seed)+i)%len(scenarios) == j {
				accidents = append(accidents, accident{s, f})
			}
		}
	}
	each(t, accidents, func(ctx context.Context, a accident) error {
		return l.grounds.on(ctx, func(g *ground) error { return l.befall(ctx, g, a) })
	})
}

func (l *lab) befall(ctx context.Context, g *ground, a accident) error {
	o := g.order(a.Scenario)
	o.Pace, o.Cut = g.ttl/6, 3*g.ttl
	hosts, err := l.start(ctx, o, 3)
	defer hosts.remove()
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
	if err := a.strike(ctx, l, hosts[struck].GetContainerID()); err != nil {
		if state, serr := hosts[struck].State(ctx); serr == nil && !state.Running {
			return errSlow // its work was done before we came to strike
		}
		return err
	}
	began := time.Now()
	if _, err := hosts.holder(ctx, g, struck); err != nil {
		return err
	}
	score.count(a.name, 1)
	score.took("takeover after "+a.name, time.Since(began))
	if a.heal != nil {
		if err := a.heal(ctx, l, hosts[struck].GetContainerID()); err != nil {
			return err
		}
	}
	if err := until(ctx, patience+60*g.ttl, "all hosts have ended", func() (bool, error) { return hosts.ended(ctx, ""), nil }); err != nil {
		return err
	}
	if _, err := g.settle(ctx, g.order(a.Scenario)); err != nil {
		return err
	}
	return g.audit(ctx, a.Scenario, a.heal != nil)
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
		case hs.ended(ctx, not):
			return true, errSlow // all was done before we came to strike
		default:
			return false, nil
		}
	})
	return host, err
}
