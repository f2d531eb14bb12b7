package engine

import (
	"strings"

	"github.com/sequencer-go/seq/internal/graph"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// needs says of each task of the catalog what it needs. It calls no function of any op.
func (p *Planning) needs() []plan.Need {
	blocked := p.blocked()
	needs := make([]plan.Need, len(p.catalog.tasks))
	for _, i := range graph.Order(len(needs), func(i int) []int { return p.catalog.deps[i] }, nil) {
		t := p.catalog.tasks[i].task
		needs[i] = p.need(t, p.entries[t.ID], blocked)
		if needs[i] != plan.Required {
			continue
		}
		for _, j := range p.catalog.deps[i] { // it cannot run before these
			if n := needs[j]; n == plan.Optional || n == plan.Later || n == plan.InBackground {
				needs[i] = n
			}
		}
	}
	return needs
}

// need is what a task needs by itself.
func (p *Planning) need(t *Task, e *store.Entry, blocked map[string]string) plan.Need {
	if e == nil {
		e = &unknownEntry
	}
	switch refused := p.limits.refusal(t, e); {
	case isDone(e), e.State == store.UnknownState:
		return plan.NeedsNothing
	case p.environment != "" && p.elsewhere(t):
		return plan.Excluded
	case t.Background:
		return plan.InBackground
	case e.State.Open(), e.State == store.RollbackPending && blocked[e.ID] == "":
		return plan.Required // somebody is at it, or the next run goes on with it
	case refused != nil && t.AllowedToFail:
		return plan.Optional
	case refused != nil:
		return plan.NeedsPerson
	case e.State == store.Scheduled && e.NotBefore.After(p.now):
		return plan.Later
	case e.State == store.Skipped && !waits(e):
		return plan.Excluded
	case e.State == store.Tolerated:
		return plan.Optional
	default:
		return plan.Required
	}
}

// waits reports whether an op was skipped because of another one, and not for a reason of its own.
func waits(e *store.Entry) bool { return strings.HasPrefix(e.Error, dependsOn) }
