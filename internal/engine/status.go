package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// An OpStatus is how one op stands, in the code and in the ledger.
type OpStatus struct {
	Task     *Task        // nil: the code does not have it
	Entry    *store.Entry // nil: the ledger does not know it
	Need     plan.Need
	Refused  string   // why no run will call it
	Earlier  int      // attempts that it had under an earlier ID
	Excluded string   // why no run takes it up in this environment
	Waits    []string // the dependencies that are not done
	Kept     string   // why nobody takes it up in the background
	Control  *store.Control
}

// Now is when the planning was made.
func (p *Planning) Now() time.Time { return p.now }

// NoWorker reports whether work in the background is left and no living process works on such.
func (p *Planning) NoWorker() bool { return p.nobody }

// Status is how the ops stand that the request lets through, in chronological order.
func (p *Planning) Status() ([]OpStatus, error) {
	if err := p.unknownTargets(); err != nil {
		return nil, err
	}
	list := make([]OpStatus, 0, len(p.catalog.tasks))
	needs := p.needs()
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i]
		if !p.req.takes(t) {
			continue
		}
		out := OpStatus{Task: t.task, Entry: p.entries[t.task.ID], Need: needs[i], Control: p.controls[t.task.ID]}
		if p.inBackground(t.task) {
			out.Kept = p.keptBack(t.task)
		}
		if before := p.before[t.task.ID]; before != nil {
			out.Earlier = before.Attempt
		}
		if e := out.Entry; e != nil {
			if err := p.limits.refusal(t.task, e); err != nil && e.State != store.RollbackPending && !e.State.Open() {
				out.Refused = err.Error()
			}
		}
		switch {
		case p.environment == "" && len(t.task.Environments) > 0 && out.Refused == "":
			out.Refused = ErrNoEnvironment.Error()
		case p.environment != "" && p.elsewhere(t.task):
			out.Excluded = p.whyElsewhere(t.task)
		}
		for _, id := range t.task.DependsOn {
			if now := p.catalog.find(id); now != nil {
				id = now.ID
			}
			if !isDone(out.Entry) && !p.done(id) {
				out.Waits = append(out.Waits, id)
			}
		}
		list = append(list, out)
	}
	return p.withUnregistered(list), nil
}

// withUnregistered merges the entries of no task into a list in chronological order.
func (p *Planning) withUnregistered(list []OpStatus) []OpStatus {
	type dated struct {
		at time.Time
		OpStatus
	}
	var others []dated
	for id, e := range p.entries {
		if _, known := p.catalog.index[id]; !known {
			if t := p.catalog.dated(id); p.req.takes(t) {
				others = append(others, dated{t.at, OpStatus{Entry: e}})
			}
		}
	}
	if len(others) == 0 {
		return list
	}
	slices.SortFunc(others, func(a, b dated) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.Entry.ID, b.Entry.ID)
	})
	merged := make([]OpStatus, 0, len(list)+len(others))
	for _, o := range list {
		at := p.catalog.dated(o.Task.ID).at
		for len(others) > 0 && (others[0].at.Before(at) || others[0].at.Equal(at) && others[0].Entry.ID < o.Task.ID) {
			merged, others = append(merged, others[0].OpStatus), others[1:]
		}
		merged = append(merged, o)
	}
	for _, o := range others {
		merged = append(merged, o.OpStatus)
	}
	return merged
}
