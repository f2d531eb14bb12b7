//go:build kill

package kill_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
)

// audit compares what the ops did with what the ledger says of them, when all is quiet.
// Duplicates are counted where they are allowed: in what is Repeatable, in rollbacks outside of
// the database, and, if a process slept through its lease, in a Once op that has a Verify.
func (g *ground) audit(ctx context.Context, s Scenario, slept bool) error {
	entries, err := g.ledger.Load(ctx)
	if err != nil {
		return err
	}
	ops := (&site{}).ops()
	runs, err := g.ledger.Runs(ctx, 1000)
	if err != nil {
		return err
	}
	failed := map[string]bool{} // in their rollback, and the ledger says so
	for _, r := range runs {
		failed[r.ID] = r.State == seq.RunRollbackFailed
		if !r.State.Final() {
			score.open(r.State)
		}
	}
	byID := map[string]*seq.Entry{}
	for i := range entries {
		byID[entries[i].ID] = &entries[i]
	}
	var errs []error
	for i := range ops {
		e := byID[ops[i].ID]
		if e == nil {
			errs = append(errs, fmt.Errorf("%s is not in the ledger", ops[i].ID))
			continue
		}
		want := seq.Succeeded
		if s.Fails {
			want = seq.RolledBack
			if i == len(ops)-1 {
				want = seq.Failed
			}
		}
		switch {
		case e.State == want:
		case want == seq.RolledBack && e.State == seq.Succeeded && failed[e.Run]:
			score.count("left done: its run was told rollback-failed", 1)
		default:
			errs = append(errs, fmt.Errorf("%s is %s, want %s", e.ID, e.State, want))
		}
		a := &audit{op: &ops[i], entry: e, slept: slept, fails: s.Fails && i == len(ops)-1}
		if a.history, err = g.ledger.History(ctx, e.ID); err != nil {
			return err
		}
		if a.traces, err = g.traces(ctx, e.ID); err != nil {
			return err
		}
		errs = append(errs, a.check())
	}
	errs = append(errs, g.auditLease(ctx))
	score.audits.Add(1)
	if err = errors.Join(errs...); err != nil {
		err = fmt.Errorf("%w\nafter the runs %+v", err, runs)
	}
	return err
}

// auditLease checks that nobody is left with the lease: that somebody who asks for it gets it,
// at the latest when that of a dead process, whose work nobody had to go on with, has expired.
func (g *ground) auditLease(ctx context.Context) error {
	for late := time.Now().Add(patience); ; {
		lease, err := g.ledger.Acquire(ctx, seq.ThisProcess())
		if err == nil {
			return g.ledger.Release(ctx, lease)
		}
		var held *seq.LeaseError
		if !errors.As(err, &held) || held.Expires > g.ttl || time.Now().After(late) {
			return fmt.Errorf("somebody holds the lease: %w", err)
		}
		if err := clock.Sleep(ctx, clock.Wall(), held.Expires); err != nil {
			return err
		}
	}
}

// audit is that of one op.
type audit struct {
	op      *seq.Op
	entry   *seq.Entry
	history []seq.Attempt
	traces  traces
	slept   bool
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

func (g *generation) add(h *seq.Attempt) {
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
