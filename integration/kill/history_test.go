package kill_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// audit is that of one op.
type audit struct {
	op      *seq.Op
	entry   *store.Entry
	history []store.Attempt
	traces  traces
	slept   bool
	undone  bool // in the end, or it fails:
	fails   bool // without an effect
	errs    []error
}

func (a *audit) wrong(format string, args ...any) {
	a.errs = append(a.errs, fmt.Errorf("%s: %s", a.op.ID, fmt.Sprintf(format, args...)))
}

// A generation is what the history tells of one.
type generation struct {
	forward, backward   int // attempts
	succeeded, reversed int // of them, by the op's own word
	byHand              int
	owners              map[string]bool
}

func (a *audit) check() error {
	if want := a.wanted(); a.entry.State != want {
		a.wrong("it is %s, want %s", a.entry.State, want)
	}
	generations := a.replay()
	counted := 0
	for n, g := range generations {
		counted += a.generation(n+1, g)
	}
	if counted != len(a.traces) {
		a.wrong("%d traces, %d of them of a generation that the ledger knows", len(a.traces), counted)
	}
	if a.entry.Generation != len(generations) {
		a.wrong("generation %d, its history has %d", a.entry.Generation, len(generations))
	}
	if a.entry.Attempt != len(a.history) {
		a.wrong("%d attempts, its history has %d", a.entry.Attempt, len(a.history))
	}
	if !a.entry.Token.IsZero() || a.entry.State.Open() {
		a.wrong("an attempt is open")
	}
	if len(a.errs) > 0 {
		a.wrong("%+v\n%+v\n%+v", *a.entry, a.history, a.traces)
	}
	return errors.Join(a.errs...)
}

// wanted is the state that the op ends in.
func (a *audit) wanted() seq.State {
	switch {
	case !a.undone:
		return seq.Succeeded
	case a.fails && !a.doubted():
		return seq.Failed
	default:
		return seq.RolledBack
	}
}

// doubted reports whether nobody knows the end of an attempt that the same run made before: then
// what failed is undone, too.
func (a *audit) doubted() bool {
	forward := false
	for _, h := range slices.Backward(a.history) {
		switch {
		case h.Direction == seq.Forward && h.Run == a.entry.Run:
			forward = true
			if h.State == seq.Indeterminate {
				return true
			}
		case forward:
			return false
		}
	}
	return false
}

// replay sorts the history by generation: an op starts anew after success or rollback.
func (a *audit) replay() (all []*generation) {
	anew := true
	for i, h := range a.history {
		if h.Number != i+1 {
			a.wrong("attempt %d has the number %d", i+1, h.Number)
		}
		if h.Finished.IsZero() || h.State.Open() {
			a.wrong("attempt %d is open", h.Number)
		}
		if anew && h.Direction == seq.Forward {
			all = append(all, &generation{owners: map[string]bool{}})
		}
		if len(all) == 0 {
			a.wrong("it begins with %s", h.Direction)
			return nil
		}
		anew = h.State == seq.Succeeded || h.State == seq.RolledBack
		all[len(all)-1].add(&h)
	}
	return all
}

func (g *generation) add(h *store.Attempt) {
	switch h.Direction {
	case seq.Forward:
		g.forward++
		if h.State == seq.Succeeded {
			g.succeeded++
		}
	case seq.Rollback:
		g.backward++
		if h.State == seq.RolledBack {
			g.reversed++
		}
	default:
		g.byHand++
	}
	g.owners[fmt.Sprint(h.Owner.Host, h.Owner.PID)] = true
}

// generation checks the effects of one, and returns how many there are.
func (a *audit) generation(n int, g *generation) int {
	did, undid := a.traces.in(n, done), a.traces.in(n, undone)
	score.calls(a.op, len(did), len(undid))
	for _, t := range append(did, undid...) {
		if !g.owners[fmt.Sprint(t.Host, t.PID)] {
			a.wrong("generation %d: process %d did it and had no attempt", n, t.PID)
		}
	}
	if len(did) > g.forward || len(undid) > g.backward {
		a.wrong("generation %d: done %d times in %d attempts, undone %d times in %d", n, len(did), g.forward, len(undid), g.backward)
	}
	if g.succeeded > 1 || g.reversed > 1 {
		a.wrong("generation %d: succeeded %d times, rolled back %d times", n, g.succeeded, g.reversed)
	}
	if a.op.Delivery == seq.Transactional {
		if len(did) != g.succeeded || len(undid) != g.reversed {
			a.wrong("generation %d: done %d times, succeeded %d; undone %d times, rolled back %d", n, len(did), g.succeeded, len(undid), g.reversed)
		}
		return len(did) + len(undid)
	}
	if len(did) < g.succeeded && !a.fails || len(undid) < g.reversed {
		a.wrong("generation %d: done %d times, succeeded %d; undone %d times, rolled back %d", n, len(did), g.succeeded, len(undid), g.reversed)
	}
	if a.op.Delivery == seq.Once && len(did) > 1 && (a.op.Verify == nil || !a.slept) {
		a.wrong("generation %d: done %d times", n, len(did))
	}
	return len(did) + len(undid)
}
