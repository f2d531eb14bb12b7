package seq_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestAnOptionThatACallDoesNotTakeIsRefused tries each option with each call.
func TestAnOptionThatACallDoesNotTakeIsRefused(t *testing.T) {
	const (
		run = iota
		preview
		due
		serve
		rollback
		previewRollback
		status
		decide
		imports
	)
	options := map[string]struct {
		option seq.RunOption
		takes  []int
	}{
		"Isolate":          {seq.Isolate(), []int{run, due, rollback, decide, imports}},
		"From":             {seq.From(id("a")), []int{run, preview, due, serve, rollback, previewRollback, status}},
		"Tags":             {seq.Tags("x"), []int{run, preview, due, serve, rollback, previewRollback, status}},
		"Only":             {seq.Only(id("a")), []int{run, preview, due, serve, rollback, previewRollback, status}},
		"WithDependencies": {seq.WithDependencies(), []int{run, preview, due, serve}},
		"Repeat":           {seq.Repeat(), []int{run, preview}},
		"Last":             {seq.Last(1), []int{rollback, previewRollback}},
		"Expect":           {seq.Expect("nonsense"), []int{run}},
		"Using":            {seq.Using(middleware.Log(nil)), []int{run, preview, due, serve, rollback, decide, imports}},
		"By":               {seq.By("ann"), []int{run, due, serve, rollback, decide, imports}},
		"Because":          {seq.Because("why"), []int{run, due, serve, rollback, decide, imports}},
		"DryRun":           {seq.DryRun(), []int{imports}},
		"zero":             {seq.RunOption{}, nil},
	}
	for name, o := range options {
		for call := run; call <= imports; call++ {
			called := false
			op := ok("a")
			op.Run = func(context.Context) error { called = true; return nil }
			s := seq.New(store.NewMemory(), op)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // Serve returns
			var err error
			switch call {
			case run:
				_, err = s.Run(t.Context(), o.option)
			case preview:
				_, err = s.Preview(t.Context(), o.option)
			case due:
				_, err = s.RunDue(t.Context(), o.option)
			case serve:
				err = s.Serve(ctx, o.option)
			case rollback:
				_, err = s.Rollback(t.Context(), o.option)
			case previewRollback:
				_, err = s.PreviewRollback(t.Context(), o.option)
			case status:
				_, err = s.Status(t.Context(), o.option)
			case decide:
				err = s.Skip(t.Context(), id("a"), "why", o.option)
			case imports:
				_, err = s.Import(t.Context(), seq.Import{Origin: "test", IDs: []string{id("a")}}, o.option)
			}
			takes := slices.Contains(o.takes, call)
			if refused := errors.Is(err, seq.ErrInvalidOption); refused == takes {
				t.Errorf("%s, call %d: %v, it is to be taken: %t", name, call, err, takes)
			}
			if called && !takes {
				t.Errorf("%s, call %d: the op ran", name, call)
			}
		}
	}
}

func TestMisuseIsRefusedBeforeAnythingRuns(t *testing.T) {
	var none *store.Memory
	s := func() *seq.Sequencer { return seq.New(store.NewMemory(), ok("a"), ok("b")) }
	for name, call := range map[string]func() error{
		"a typed nil store": func() error { _, err := seq.New(none, ok("a")).Run(t.Context()); return err },
		"a nil context":     func() error { _, err := s().Run(nil); return err }, //nolint:staticcheck // that is the point
		"Last(0)":           func() error { _, err := s().Rollback(t.Context(), seq.Last(0)); return err },
		"Last and Only":     func() error { _, err := s().Rollback(t.Context(), seq.Last(1), seq.Only(id("a"))); return err },
		"Last and Tags":     func() error { _, err := s().Rollback(t.Context(), seq.Last(1), seq.Tags("x")); return err },
		"Status of a typo":  func() error { _, err := s().Status(t.Context(), seq.Only(id("a")+"x")); return err },
	} {
		if err := call(); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnEmptyListRunsNothing: a filter left nothing over; the registry is asked for by name.
func TestAnEmptyListRunsNothing(t *testing.T) {
	ran := false
	op := ok("a")
	op.ID += "_registered_for_a_test"
	op.Run = func(context.Context) error { ran = true; return nil }
	seq.Register(op)
	if r, err := seq.New(store.NewMemory(), []seq.Op{}...).Run(t.Context()); err != nil || ran {
		t.Errorf("it ran: %t, %v\n%s", ran, err, r)
	}
	if _, err := seq.New(store.NewMemory(), seq.Registered()...).Run(t.Context()); err != nil || !ran {
		t.Errorf("it ran: %t, %v", ran, err)
	}
}

func TestTagsThatNothingHasAreSaid(t *testing.T) {
	r, err := seq.New(store.NewMemory(), ok("a")).Run(t.Context(), seq.Tags("hto"))
	if err != nil || len(r.Findings) != 1 || !strings.Contains(r.String(), "hto") {
		t.Errorf("%v\n%s", err, r)
	}
}

// TestRunDueHeedsTheSelection: what was not chosen stays scheduled.
func TestRunDueHeedsTheSelection(t *testing.T) {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for name, opt := range map[string]seq.RunOption{"Only": seq.Only(id("a")), "Tags": seq.Tags("light"), "From": seq.From(id("b"))} {
		c := seqtest.NewClock(noon)
		at := func(name string) seq.Op {
			op := ok(name)
			op.ExecuteAt = func(time.Time) time.Time { return noon.Add(time.Hour) }
			return op
		}
		light, heavy := at("a"), at("b")
		light.Tags = []string{"light"}
		b := newBench(t, strategies.Scheduled(), light, heavy)
		b.seq.Use(seq.WithClock(c))
		b.mustRun()
		c.Add(2 * time.Hour)
		if _, err := b.seq.RunDue(t.Context(), opt); err != nil {
			t.Fatal(err)
		}
		want := id("a")
		if name == "From" {
			want = id("b")
		}
		seqtest.AssertRan(t, b.rec, want)
	}
}

// TestAFalseConditionDoesNotHideTheSchedule: whoever keeps the schedule does what is due behind it.
func TestAFalseConditionDoesNotHideTheSchedule(t *testing.T) {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for name, later := range map[string]func(*seq.Sequencer) error{
		"Run":    func(s *seq.Sequencer) error { _, err := s.Run(t.Context()); return err },
		"RunDue": func(s *seq.Sequencer) error { _, err := s.RunDue(t.Context()); return err },
	} {
		c := seqtest.NewClock(noon)
		a, d := ok("a"), ok("d", "a")
		a.ShouldRun = func(context.Context) (bool, error) { return false, nil }
		d.ExecuteAt = func(time.Time) time.Time { return noon.Add(time.Hour) }
		b := newBench(t, strategies.Scheduled(), a, d)
		b.seq.Use(seq.WithClock(c))
		b.mustRun()
		b.state("d", seq.Scheduled)
		c.Add(2 * time.Hour)
		if err := later(b.seq); err != nil {
			t.Fatal(err)
		}
		b.state("d", seq.Succeeded)
		_ = name
	}
}

// TestARenamedOpAnswersToBothNames in all that a person says, and keeps its key and its attempts.
func TestARenamedOpAnswersToBothNames(t *testing.T) {
	for _, name := range []string{"a", "c"} {
		op := seqtest.Irreversible(id("a"))
		op.Delivery = seq.Once
		b, _ := died(t, strategies.Sequential(), op)
		op.ID, op.RenamedFrom = id("c"), ids("a")
		b.with(strategies.Sequential(), op)
		if st, err := b.seq.Status(t.Context(), seq.Only(id(name))); err != nil || len(st.Ops) != 1 || st.Ops[0].ID != id("c") || st.Ops[0].Attempt != 1 {
			t.Errorf("status of %s: %+v, %v", name, st, err)
		}
		if err := b.seq.Resolve(t.Context(), id(name), seq.Done, "looked"); err != nil {
			t.Errorf("Resolve %s: %v", name, err)
		}
		if _, err := b.run(seq.Only(id(name))); err != nil {
			t.Errorf("Only %s: %v", name, err)
		}
	}
}

// TestNoTwoLedgersShareAKey: two tenants that charge for the same op are two charges.
func TestNoTwoLedgersShareAKey(t *testing.T) {
	keys := map[string]bool{}
	op := ok("a")
	op.Run = func(ctx context.Context) error { keys[seq.IdempotencyKey(ctx)] = true; return errBoom }
	for range 2 {
		b := newBench(t, strategies.Sequential(), op)
		_, _ = b.run()
		_, _ = b.run()
	}
	if len(keys) != 2 {
		t.Errorf("got %v", keys)
	}
}

func TestTheKeySurvivesARename(t *testing.T) {
	var keys []string
	op := ok("a")
	fails := errBoom
	op.Run = func(ctx context.Context) error { keys = append(keys, seq.IdempotencyKey(ctx)); return fails }
	b := newBench(t, strategies.Sequential(), op)
	_, _ = b.run()
	_, _ = b.run()
	op.ID, op.RenamedFrom = id("c"), ids("a")
	b.with(strategies.Sequential(), op)
	_, _ = b.run()
	fails = nil
	b.mustRun()
	if len(slices.Compact(slices.Clone(keys))) != 1 {
		t.Errorf("got %q", keys)
	}
	b.mustRun(seq.Repeat())
	if keys[4] == keys[3] {
		t.Errorf("done anew under the same key: %q", keys)
	}
}

// TestASquashIsDoneWhenAllItReplacesAre, and refused when only some are.
func TestASquashIsDoneWhenAllItReplacesAre(t *testing.T) {
	squash := func(calls *int) seq.Op {
		op := ok("d")
		op.Replaces = ids("a", "b", "c")
		op.Run = func(context.Context) error { *calls++; return nil }
		return op
	}
	for name, c := range map[string]struct {
		done    []seq.Op
		calls   int
		refused bool
	}{
		"none":             {nil, 1, false},
		"all":              {[]seq.Op{ok("a"), ok("b"), ok("c")}, 0, false},
		"one":              {[]seq.Op{ok("a")}, 0, true},
		"one, others fail": {[]seq.Op{ok("a"), fail("b"), ok("c", "b")}, 0, true},
	} {
		calls := 0
		b := newBench(t, strategies.Sequential(), c.done...)
		if c.done == nil {
			b.with(strategies.Sequential(), []seq.Op{}...)
		}
		_, _ = b.run()
		b.with(strategies.Sequential(), squash(&calls), ok("e", "b"))
		_, err := b.run()
		if calls != c.calls || errors.Is(err, seq.ErrInvalidOp) != c.refused || c.refused && !strings.Contains(err.Error(), id("b")) {
			t.Errorf("%s: %d calls, %v", name, calls, err)
		}
		if !c.refused {
			b.state("e", seq.Succeeded)
		}
	}
	b := newBench(t, strategies.Sequential(), ok("a"), ok("b"))
	b.mustRun()
	b.with(strategies.Sequential(), renamedOp("d", "a", "b"))
	if _, err := b.run(); !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), "Replaces") {
		t.Errorf("RenamedFrom of two that are known: %v", err)
	}
}

func TestANewNameOfTheSameTimeIsAFinding(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"))
	b.mustRun()
	op := ok("a")
	op.ID += "_users"
	b.with(strategies.Sequential(), op)
	r := b.mustRun()
	if len(r.Findings) != 1 || r.Findings[0].Kind != "renamed" || !strings.Contains(r.String(), "RenamedFrom") {
		t.Errorf("%s", r)
	}
}

type detailed struct{ details any }

func (detailed) Error() string { return "rows do not add up" }

type nilError struct{}

func (*nilError) Error() string { return "typed nil" }

// TestEveryErrorIsTheOpsError, whatever its type, and Retry tries again.
func TestEveryErrorIsTheOpsError(t *testing.T) {
	var typedNil *nilError
	for _, own := range []error{detailed{[]int{7, 8}}, typedNil} {
		for _, d := range []seq.Delivery{seq.Repeatable, seq.Transactional} {
			calls := 0
			op := ok("a")
			op.Delivery = d
			op.Run = func(context.Context) error { calls++; return own }
			_, err := seq.New(store.NewMemory(), op).Use(middleware.Retry(2, time.Nanosecond)).Run(t.Context())
			if calls != 2 || errors.Is(err, seq.ErrPanic) || !strings.Contains(err.Error(), own.Error()) {
				t.Errorf("%T, %s, %d calls: %v", own, d, calls, err)
			}
		}
	}
}

// TestSaveFromManyGoroutinesAndTooLate is for the race detector, too.
func TestSaveFromManyGoroutinesAndTooLate(t *testing.T) {
	for _, d := range []seq.Delivery{seq.Repeatable, seq.Once, seq.Transactional} {
		var kept context.Context
		op := ok("a")
		op.Delivery = d
		op.Run = func(ctx context.Context) error {
			kept = ctx //nolint:fatcontext // it is kept to be misused
			var workers sync.WaitGroup
			for i := range 8 {
				workers.Go(func() {
					var n int
					if err := errors.Join(seq.Save(ctx, i), seq.Progress(ctx, int64(i), 8)); err != nil {
						t.Error(err)
					}
					if _, err := seq.Saved(ctx, &n); err != nil {
						t.Error(err)
					}
				})
			}
			workers.Wait()
			return nil
		}
		second := ok("b")
		second.Run = func(context.Context) error {
			if err := seq.Save(kept, 2); err == nil {
				t.Errorf("%s: Save after the op has returned: nil", d)
			}
			return nil
		}
		if _, err := seq.New(store.NewMemory(), op, second).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := seq.Save(kept, 3); err == nil {
			t.Errorf("%s: Save after Run has returned: nil", d)
		}
	}
}

// TestProgressIsWrittenSeldom whatever the numbers are.
func TestProgressIsWrittenSeldom(t *testing.T) {
	for _, total := range []int64{10_000, 0, -1, 5} {
		ledger := seqtest.NewStore()
		op := ok("a")
		op.Run = func(ctx context.Context) error {
			for done := range int64(2000) {
				if err := seq.Progress(ctx, done, total); err != nil {
					return err
				}
			}
			return nil
		}
		if _, err := seq.New(ledger, op).Run(t.Context()); err != nil || ledger.Writes() > 20 {
			t.Errorf("total %d: %d writes, %v", total, ledger.Writes(), err)
		}
	}
}

// TestEverythingMarshals: reports, plans and events, with the texts of their errors.
func TestEverythingMarshals(t *testing.T) {
	kinds := map[string]bool{}
	watch := middleware.Middleware{Name: "json", Watch: func(e middleware.Event) {
		text, err := json.Marshal(e)
		if err != nil || e.Err != nil && !strings.Contains(string(text), `"Err":"`) {
			t.Errorf("%s: %v, %s", e.Kind, err, text)
		}
		kinds[e.Kind.String()] = true
	}}
	a := ok("a")
	a.Rollback = seqFails(errors.New("the bucket is locked"))
	s := seq.New(store.NewMemory(), a, fail("b", "a")).Use(strategies.TransactionalBatch(), watch, middleware.Retry(2, time.Nanosecond))
	p, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	var back plan.Plan
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || back.Hash() != p.Hash() || back.String() != p.String() {
		t.Errorf("%v: %s\nwas\n%s\nis\n%s", err, text, p, &back)
	}
	r, _ := s.Run(t.Context())
	text, err = json.Marshal(r)
	if err != nil || !strings.Contains(string(text), "the bucket is locked") || !strings.Contains(string(text), "boom") {
		t.Errorf("%v: %s", err, text)
	}
	if failed := (*seq.OpError)(nil); !errors.As(r.Step(id("a")).Err, &failed) || failed.Direction != seq.Rollback {
		t.Errorf("the error of a step is %T", r.Step(id("a")).Err)
	}
	if !kinds["retrying"] || !kinds["planned"] || !kinds["rollback started"] {
		t.Errorf("only %v", kinds)
	}
}

func TestATimeThatNoLedgerCanHoldIsRefused(t *testing.T) {
	for _, at := range []time.Time{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		op := ok("a")
		op.ExecuteAt = func(time.Time) time.Time { return at }
		if _, err := runWith(t, strategies.Scheduled(), op); !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), op.ID) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestAnExecutorMayStopWhenItsContextEnds without being told that the plan is invalid.
func TestAnExecutorMayStopWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := seq.Strategy{Executor: exec.Func(func(ctx context.Context, w exec.Walk) error {
		cancel()
		<-ctx.Done()
		return nil
	})}
	_, err := seq.New(store.NewMemory(), ok("a")).Use(s).Run(ctx)
	if !errors.Is(err, context.Canceled) || errors.Is(err, seq.ErrInvalidPlan) {
		t.Errorf("got %v", err)
	}
}
