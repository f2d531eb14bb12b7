package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// Drift says what to do where code and ledger differ. It has the fields of seq.Drift.
type Drift struct {
	Changed plan.Policy
	Missing plan.Policy
	Late    plan.Policy
}

// refuse is an error that names the findings whose policy is to fail.
func refuse(findings []plan.Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Policy == plan.Fail {
			errs = append(errs, fmt.Errorf("%w: %s is %s: %s", ErrDrift, f.ID, f.Kind, f.Detail))
		}
	}
	return errors.Join(errs...)
}

// Unfinished are the sagas that are not over and, unless all are wanted, that a run of this request would
// not go on with.
func (p *Planning) Unfinished(all bool) []plan.Finding {
	var found []plan.Finding
	mine := store.Run{Strategy: p.strategy.Name, Selection: p.req.selection(), Saga: holds(p.strategy.Chain, middleware.LayerSaga)}
	for i := range p.sagas {
		r := &p.sagas[i]
		if !all && p.continues(&mine, r) {
			continue
		}
		chosen := cmp.Or(r.Selection, "everything")
		found = append(found, plan.Finding{
			ID: r.ID, Kind: "unfinished", Policy: plan.Warn,
			Detail: fmt.Sprintf("a run of %s over %s began at %s and has no end; a run of that strategy and selection goes on with it, or roll it back by its ID",
				r.Strategy, chosen, r.Started.UTC().Format(time.RFC3339)),
		})
	}
	return found
}

// renames are ops that are new in the code while one of the same timestamp is only in the ledger: they
// look like one op that got another name.
func (p *Planning) renames() []plan.Finding {
	gone := map[time.Time]string{}
	for id, e := range p.unregistered() {
		if _, known := p.catalog.index[id]; !known && (e.State.Done() || e.Attempt > 0) {
			gone[p.catalog.dated(id).at] = id
		}
	}
	if len(gone) == 0 || p.drift.Missing == plan.Allow {
		return nil
	}
	var found []plan.Finding
	for i := range p.catalog.tasks {
		t := &p.catalog.tasks[i]
		old := gone[t.at]
		if old != "" && t.task.isFile() && p.entries[old].Checksum != "" {
			continue // of files the checksums tell, see adoptVersions
		}
		if old != "" && p.of[i] == nil {
			found = append(found, plan.Finding{
				ID: t.task.ID, Kind: "renamed", Policy: p.drift.Missing,
				Detail: "the ledger knows " + old + " of the same time, which the code does not have any more: if that is its old name, say RenamedFrom",
			})
		}
	}
	return found
}

// findings compares the catalog with the ledger.
func (p *Planning) findings() []plan.Finding {
	var found []plan.Finding
	add := func(policy plan.Policy, id, kind, detail string) {
		if policy != plan.Allow {
			found = append(found, plan.Finding{ID: id, Kind: kind, Detail: detail, Policy: policy})
		}
	}
	newest := -1 // the youngest migration that has run
	for i := range p.catalog.tasks {
		t, e := p.catalog.tasks[i].task, p.of[i]
		if e != nil && e.State == store.UnknownState {
			add(plan.Warn, t.ID, "unknown", notKnown(e)+"; deploy that to go on with it")
		}
		if !isDone(e) {
			continue
		}
		if t.Kind == plan.Migration {
			newest = i
		}
		if e.State == store.Succeeded && e.Checksum != "" && t.Checksum != "" && e.Checksum != t.Checksum {
			add(p.drift.Changed, t.ID, "changed", "it succeeded from another source than it has now; undo the edit, and write what is new into a new step")
		}
	}
	for _, e := range p.unregistered() {
		if _, known := p.catalog.index[e.ID]; !known && e.State == store.Succeeded && e.Checksum != "" {
			add(p.drift.Missing, e.ID, "missing", "it has run, and the code does not have it any more")
		}
	}
	found = append(found, p.renames()...)
	for _, r := range p.versions {
		if r.same {
			add(plan.Warn, p.catalog.tasks[r.task].task.ID, "renamed", fmt.Sprintf("the ledger has it as %s, with the same content", r.old))
		}
	}
	for _, tag := range p.req.Tags {
		if !slices.ContainsFunc(p.catalog.tasks, func(t datedTask) bool { return slices.Contains(t.task.Tags, tag) }) {
			add(plan.Warn, tag, "unused", "no op has this tag")
		}
	}
	for i := range max(newest, 0) {
		if t := &p.catalog.tasks[i]; t.task.Kind == plan.Migration && t.at.Before(p.catalog.tasks[newest].at) && !isDone(p.of[i]) {
			youngest := p.catalog.tasks[newest]
			add(p.drift.Late, t.task.ID, "late", fmt.Sprintf("%s of %s has run already", youngest.task.ID, youngest.at.Format(time.DateOnly)))
		}
	}
	slices.SortStableFunc(found, func(a, b plan.Finding) int { return strings.Compare(a.ID, b.ID) })
	return found
}
