package engine

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// A Request is what the options of one call say together.
type Request struct {
	IfLeased     ledger.IfLeased
	From         *From
	Repeat       bool
	Due          bool            // only what the schedule holds and is due
	Polls        bool            // it is made again and again, and tells nobody when there is nothing to do
	Tags         []string        // nil: any
	Only         []string        // nil: any
	round        map[string]bool // what is left for a later round of a run; nil in the first
	Dependencies bool            // also what the chosen ops depend on
	Last         int             // of a rollback: how many ops, those that completed last; 0: not asked for
	RetryFailed  bool            // what failed too often, or for good, is tried again
	Needs        []string        // what has to be done already
	Run          string          // of a rollback: the run to undo; "" for any
	Expect       string          // the hash of the plan; "" for any
	Actor        string
	Reason       string
}

// From is where a selection begins: at an ID if it is named, else at a timestamp.
type From struct {
	ID    string
	At    time.Time
	Named bool
}

// takes reports whether the request lets a task through.
func (r *Request) takes(t datedTask) bool {
	if f := r.From; f != nil && r.round == nil {
		if c := t.at.Compare(f.At); c < 0 || c == 0 && f.Named && t.task.ID < f.ID {
			return false
		}
	}
	if r.round != nil {
		return r.round[t.task.ID]
	}
	if r.Only != nil && !slices.Contains(r.Only, t.task.ID) {
		return false
	}
	if r.Tags == nil {
		return true
	}
	return slices.ContainsFunc(t.task.Tags, func(tag string) bool { return slices.Contains(r.Tags, tag) })
}

// narrows reports whether anything was chosen at all.
func (r *Request) narrows() bool { return r.From != nil || r.Tags != nil || r.Only != nil }

// selection is what was chosen, for people and to be compared; "" if everything was.
func (r *Request) selection() string {
	var parts []string
	add := func(name string, list []string) {
		if list != nil {
			parts = append(parts, name+"="+strings.Join(slices.Sorted(slices.Values(list)), ","))
		}
	}
	if r.From != nil {
		add("from", []string{r.From.ID})
	}
	add("tags", r.Tags)
	add("only", r.Only)
	if r.Dependencies {
		parts = append(parts, "with dependencies")
	}
	if r.Repeat {
		parts = append(parts, "repeat")
	}
	if r.Due {
		parts = append(parts, "due")
	}
	return strings.Join(parts, " ")
}

// run is a new run as the ledger will have it.
func (r *Request) run(strategy string) store.Run {
	owner := store.ThisProcess()
	owner.Actor = store.ErrorText(errors.New(r.Actor))
	return store.Run{ID: ledger.NewRunID(), Strategy: strategy, Owner: owner, Reason: r.Reason, Selection: r.selection()}
}
