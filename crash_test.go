package seq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
)

// world is what ops did, as seen from outside.
type world struct {
	mu           sync.Mutex
	calls, undos map[string]int
	order        []string
}

func (w *world) op(name string, delivery seq.Delivery, err error, deps ...string) seq.Op {
	op := ok(name, deps...)
	op.Delivery = delivery
	op.Run = func(context.Context) error { w.note(w.calls, "run ", name); return err }
	op.Rollback = func(context.Context) error { w.note(w.undos, "undo ", name); return nil }
	return op
}

func (w *world) note(count map[string]int, what, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	count[name]++
	w.order = append(w.order, what+name)
}

// TestCrashAtEveryWrite kills the process at each write to the ledger in turn, committed or not,
// starts a new one, and looks at what the ops did.
func TestCrashAtEveryWrite(t *testing.T) {
	for name, s := range every() {
		for _, applied := range []bool{false, true} {
			t.Run(strings.ReplaceAll(fmt.Sprintf("%s/applied %t", name, applied), " ", "_"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for k := 1; crashAt(t, s, k, applied); k++ {
						if k > 50 {
							t.Fatal("it crashes for ever")
						}
					}
				})
			})
		}
	}
}

// crashAt reports whether there was a k-th write to crash at.
func crashAt(t *testing.T, s seq.Strategy, k int, applied bool) bool {
	w := &world{calls: map[string]int{}, undos: map[string]int{}}
	op := func(name string, d seq.Delivery, deps ...string) seq.Op { return w.op(name, d, nil, deps...) }
	ops := []seq.Op{op("a", seq.Repeatable), op("b", seq.Once, "a"), op("c", seq.Repeatable, "b"), op("d", seq.Repeatable)}
	b := newBench(t, s, ops...)
	if applied {
		b.store.CrashAfter(k)
	} else {
		b.store.CrashBefore(k)
	}
	if _, err := b.run(); err == nil {
		if b.store.Writes() >= k {
			t.Errorf("write %d: the crash went unnoticed", k)
		}
		return false
	}
	b.store.Restart()
	_, err := b.run()
	indeterminate := errors.Is(err, seq.ErrIndeterminate)
	if err != nil && !indeterminate {
		// A saga that met the crash may have turned back; then the next run does everything anew.
		if _, err = b.run(); err != nil && !errors.Is(err, seq.ErrIndeterminate) {
			t.Errorf("write %d: after the crash: %v", k, err)
		}
		indeterminate = err != nil
	}
	if w.calls["b"] > 1+w.undos["b"] {
		t.Errorf("write %d: the Once op was called %d times: %v", k, w.calls["b"], w.order)
	}
	entries, _ := b.store.Load(t.Context())
	for _, e := range entries {
		if e.State.Open() {
			t.Errorf("write %d: %s is left %s", k, e.ID, e.State)
		}
		if name := e.ID[len(e.ID)-1:]; e.State == seq.Succeeded && w.calls[name] == 0 {
			t.Errorf("write %d: %s succeeded without a call", k, e.ID)
		}
	}
	if !indeterminate {
		for _, name := range []string{"a", "b", "c", "d"} {
			b.state(name, seq.Succeeded)
		}
	}
	for _, dep := range [][2]string{{"a", "b"}, {"b", "c"}} {
		first, then := slices.Index(w.order, "run "+dep[0]), slices.Index(w.order, "run "+dep[1])
		if then >= 0 && (first < 0 || first > then) {
			t.Errorf("write %d: %s ran before %s: %v", k, dep[1], dep[0], w.order)
		}
	}
	return true
}

// TestAnInterruptedRollbackGoesOn kills a saga at each write, and lets another process come.
func TestAnInterruptedRollbackGoesOn(t *testing.T) {
	synctest.Test(t, interruptedRollback)
}

func interruptedRollback(t *testing.T) {
	saga := every()["transactional-batch"]
	for k := 1; ; k++ {
		w := &world{calls: map[string]int{}, undos: map[string]int{}}
		ops := []seq.Op{w.op("a", 0, nil), w.op("b", 0, nil, "a"), w.op("c", 0, errBoom, "b")}
		b := newBench(t, saga, ops...)
		b.store.CrashBefore(k)
		if _, err := b.run(); !errors.Is(err, seqtest.ErrCrashed) {
			if k < 10 {
				t.Fatalf("write %d: no crash: %v", k, err)
			}
			return
		}
		b.store.Restart()
		b.rec.Reset()
		if _, err := b.run(); !errors.Is(err, errBoom) {
			t.Fatalf("write %d: c fails again, and so does the run: %v", k, err)
		}
		for _, name := range []string{"a", "b"} {
			b.state(name, seq.RolledBack)
			if w.undos[name] == 0 {
				t.Errorf("write %d: %s was never undone: %v", k, name, w.order)
			}
		}
	}
}

// A run of the same strategy whose process died is continued as the same run, so that a failure
// later on undoes also what the dead process had done.
func TestASagaOutlivesItsProcess(t *testing.T) { synctest.Test(t, outlives) }

func outlives(t *testing.T) {
	w := &world{calls: map[string]int{}, undos: map[string]int{}}
	ops := []seq.Op{w.op("a", 0, nil), w.op("b", 0, nil, "a"), w.op("c", 0, errBoom, "b")}
	b := newBench(t, every()["transactional-batch"], ops...)
	b.store.CrashBefore(4) // the run, the claim and the outcome of a, the claim of b
	if _, err := b.run(); !errors.Is(err, seqtest.ErrCrashed) {
		t.Fatal(err)
	}
	b.store.Restart()
	b.state("a", seq.Succeeded)
	r, err := b.run()
	if !errors.Is(err, errBoom) || r.State != seq.RunRolledBack {
		t.Fatalf("%v\n%s", err, r)
	}
	if !slices.Equal(w.order[len(w.order)-2:], []string{"undo b", "undo a"}) {
		t.Errorf("what happened: %v", w.order)
	}
	if got := slices.Sorted(slices.Values(r.RolledBack())); !slices.Equal(got, ids("a", "b")) {
		t.Errorf("the report says rolled back: %v", got)
	}
}

// TestPoison: an op that takes its process down each time is left alone in the end.
func TestPoison(t *testing.T) { synctest.Test(t, poison) }

func poison(t *testing.T) {
	b := newBench(t, every()["sequential"], ok("a"))
	for n := range 3 {
		outcome := 3 // the run, the claim, the outcome
		if n > 0 {
			outcome++ // and before them, the end of the attempt that died
		}
		b.store.CrashBefore(b.store.Writes() + outcome)
		if _, err := b.run(); !errors.Is(err, seq.ErrOutcomeUnrecorded) {
			t.Fatal(err)
		}
		b.store.Restart()
	}
	if _, err := b.run(); !errors.Is(err, seq.ErrPoisoned) {
		t.Errorf("got %v", err)
	}
	b.with(every()["sequential"], ok("a"), ok("b"))
	if _, err := b.run(seq.Only(id("b"))); err != nil {
		t.Errorf("the others: %v", err)
	}
}

// A rollback that takes its process down each time is left alone in the end. What it depends on stays
// behind it, until a person has tried again.
func TestAPoisonousRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{calls: map[string]int{}, undos: map[string]int{}}
		b := newBench(t, every()["transactional-batch"], w.op("a", 0, nil), w.op("b", 0, nil, "a"), w.op("c", 0, errBoom, "b"))
		for _, end := range []int{10, 4, 4} { // the end of the attempt to undo b
			b.store.CrashBefore(b.store.Writes() + end)
			if r, err := b.run(); err == nil || w.undos["a"] > 0 {
				t.Fatalf("%v, undone %v\n%s", err, w.undos, r)
			}
			b.store.Restart()
		}
		r, err := b.run()
		if !errors.Is(err, seq.ErrRollbackFailed) || r.State != seq.RunFailed || !strings.Contains(err.Error(), id("b")) {
			t.Errorf("%v\n%s", err, r)
		}
		if w.undos["b"] != 3 || w.undos["a"] != 0 {
			t.Errorf("undone %v", w.undos)
		}
		b.state("a", seq.RollbackPending)
		b.state("b", seq.RollbackFailed)
		if _, err := b.seq.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.state("b", seq.RolledBack)
	})
}

// The processes that died doing an op are not counted against its rollback, which dies once.
func TestARollbackOfWhatKillsHasItsOwnTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{calls: map[string]int{}, undos: map[string]int{}}
		op := w.op("a", seq.Repeatable, nil)
		b := newBench(t, every()["transactional-batch"])
		dies := func(do func(context.Context) error, left int) func(context.Context) error {
			return func(ctx context.Context) error {
				if left--; left >= 0 {
					b.store.CrashBefore(b.store.Writes() + 1)
				}
				return do(ctx)
			}
		}
		op.Run, op.Rollback = dies(op.Run, 3), dies(op.Rollback, 1)
		b.with(every()["transactional-batch"], op)
		for range 4 {
			if _, err := b.run(); err == nil {
				t.Fatal("it did not die")
			}
			b.store.Restart()
		}
		if r, err := b.run(); errors.Is(err, seq.ErrRollbackFailed) || w.calls["a"] < 3 || w.undos["a"] != 2 {
			t.Errorf("done and undone %v: %v\n%s", w.order, err, r)
		}
	})
}

// A write that fails and is tried again is no failure.
func TestAnOutcomeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, every()["sequential"], ok("a"))
		b.store.FailWrite(3, errors.New("disk full"))
		b.mustRun()
		b.state("a", seq.Succeeded)
	})
}

// An op is not started when its claim cannot be written.
func TestNoClaimNoCall(t *testing.T) {
	b := newBench(t, every()["sequential"], ok("a"))
	called := false
	op := ok("a")
	op.Run = func(context.Context) error { called = true; return nil }
	b.with(every()["sequential"], op)
	full := errors.New("disk full")
	b.store.FailWrite(2, full)
	_, err := b.run()
	var failed *seq.OpError
	if !errors.As(err, &failed) || failed.Effect != seq.EffectNone || !errors.Is(err, full) || called {
		t.Errorf("called %t, %v", called, err)
	}
}

// An outcome that was committed and not acknowledged is found again, not taken for somebody
// else's.
func TestAnOutcomeThatWasHeardIsNotFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, every()["sequential"], ok("a"))
		b.store.DeafAfter(3)
		b.mustRun()
		b.state("a", seq.Succeeded)
	})
}

// A claim that was committed and not acknowledged is found again: the op is done.
func TestAClaimThatWasHeardIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, every()["sequential"], ok("a"))
		b.store.DeafAfter(2)
		b.mustRun()
		b.state("a", seq.Succeeded)
	})
}
