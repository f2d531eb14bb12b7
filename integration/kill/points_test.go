package kill_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A death is a process that kills itself at a point, perhaps after another did so elsewhere.
type death struct {
	Scenario
	first string // where the other one died; "" if there was none
	point string
	nth   int
}

func (d death) String() string {
	return fmt.Sprintf("%s, killed at %s (%d) after %q", d.Scenario, d.point, d.nth, d.first)
}

// A process dies at each point, and the next one ends what it began.
func testPoints(t *testing.T) {
	eachKind(t, func(t *testing.T, all *grounds) {
		die := func(ctx context.Context, d death) error {
			err := all.on(ctx, func(g *ground) error { return g.die(ctx, d) })
			if errors.Is(err, errNotThere) { // what is written together depends on the moment
				score.count("points that a process did not come to", 1)
				return nil
			}
			return err
		}
		each(t, all.drawn(t), die)
		each(t, everyPoint, func(ctx context.Context, point string) error {
			for _, d := range deaths(t) {
				if d.point == point && !score.has(all.kind, point) {
					if err := die(ctx, d); err != nil {
						return err
					}
				}
			}
			if !score.has(all.kind, point) {
				return fmt.Errorf("%s: no process ever came to this point", all.kind)
			}
			return nil
		})
	})
}

func (g *ground) die(ctx context.Context, d death) error {
	if d.first != "" {
		if _, err := g.dieAt(ctx, d.Scenario, d.first, 1); err != nil {
			return err
		}
	}
	dead, err := g.dieAt(ctx, d.Scenario, d.point, d.nth)
	if err != nil {
		return err
	}
	next, err := g.settle(ctx, g.order(d.Scenario))
	if err != nil {
		return err
	}
	if d.point != "acquire.before" && d.point != "release.after" {
		score.takeover("a kill", dead.end, next)
	}
	return g.audit(ctx, d.Scenario, false)
}

// drawn is one of the deaths at each point, or all of them if they are asked for.
func (a *grounds) drawn(t *testing.T) []death {
	t.Helper()
	list := deaths(t)
	if *every {
		return list
	}
	shuffle(list, a.kind)
	taken := map[string]bool{}
	return slices.DeleteFunc(list, func(d death) bool {
		defer func() { taken[d.point] = true }()
		return taken[d.point]
	})
}

// deaths are all that can happen, by what undisturbed processes come to. That is the same on
// every database, so the quickest is asked.
func deaths(t *testing.T) []death {
	t.Helper()
	if known != nil {
		return slices.Clone(known)
	}
	type fleet struct {
		Scenario
		first string
	}
	var fleets []fleet
	for _, s := range scenarios {
		for _, first := range []string{"", "op.repeatable.after", "op.verified.before", "op.verified.after"} {
			fleets = append(fleets, fleet{s, first})
		}
	}
	ground := onSQLite(t)
	var mu sync.Mutex
	each(t, fleets, func(ctx context.Context, f fleet) error {
		seen, err := ground.trace(ctx, f.Scenario, f.first)
		mu.Lock()
		defer mu.Unlock()
		for point, n := range seen {
			if f.first != "" && !strings.HasPrefix(point, "write.recover") && !strings.HasPrefix(point, "verify") {
				continue // it dies there without the other, too
			}
			for nth := range n {
				known = append(known, death{f.Scenario, f.first, point, nth + 1})
			}
		}
		return err
	})
	slices.SortFunc(known, func(a, b death) int {
		at := func(d death) int { return slices.Index(scenarios, d.Scenario) }
		return cmp.Or(at(a)-at(b), cmp.Compare(a.first, b.first), cmp.Compare(a.point, b.point), a.nth-b.nth)
	})
	return slices.Clone(known)
}

// known is what deaths has found out.
var known []death

// trace counts how often a process comes to each point.
func (a *grounds) trace(ctx context.Context, s Scenario, first string) (seen map[string]int, err error) {
	err = a.on(ctx, func(g *ground) error {
		if first != "" {
			if _, err := g.dieAt(ctx, s, first, 1); err != nil {
				return err
			}
		}
		p, err := g.settle(ctx, g.order(s))
		if err != nil {
			return err
		}
		value, _ := p.hears("seen", 0)
		if err := json.Unmarshal([]byte(value), &seen); err != nil {
			return fmt.Errorf("%w: %s", err, p)
		}
		if first == "" { // how often depends on the machine, but there will be one if it is slow
			seen["renew.before"], seen["renew.after"] = 1, 1
		}
		return g.audit(ctx, s, false)
	})
	return seen, err
}
