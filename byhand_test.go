package seq_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// What was waived counts as done, for the next run and for what depends on it, and Retry takes it
// back. Both are in the op's history, with who and why.
func TestSkipAndRetry(t *testing.T) {
	b := newBench(t, strategies.Sequential(), fail("a"), ok("b", "a"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	if err := b.seq.Skip(t.Context(), id("a"), "done by hand last week", seq.By("ada")); err != nil {
		t.Fatal(err)
	}
	b.rec.Reset()
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("b"))
	b.state("a", seq.Waived)
	history, err := b.store.History(t.Context(), id("a"), store.Page{Limit: 1000})
	last := history[0]
	if err != nil || last.Direction != seq.ByHand || last.Owner.Actor != "ada" || last.Error != "waived: done by hand last week" {
		t.Errorf("%v, %+v", err, last)
	}
	if err := b.seq.Retry(t.Context(), id("a"), "not done after all"); err != nil {
		t.Fatal(err)
	}
	b.state("a", seq.Pending)
}

// A refusal says what would be legal, and changes nothing.
func TestRefusalsByHand(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"), ok("b"))
	b.mustRun(seq.Only(id("a")))
	for _, c := range []struct {
		call func() error
		says string
	}{
		{func() error { return b.seq.Skip(t.Context(), id("a"), "x") }, "it is succeeded"},
		{func() error { return b.seq.Retry(t.Context(), id("a"), "x") }, "with Repeat"},
		{func() error { return b.seq.Retry(t.Context(), id("b"), "x") }, "takes it up anyway"},
		{func() error { return b.seq.Skip(t.Context(), id("b"), "") }, "want a reason"},
		{func() error { return b.seq.Skip(t.Context(), id("z"), "x") }, "neither the code nor the ledger"},
		{func() error { return b.seq.Resolve(t.Context(), id("a"), seq.Done, "x") }, "nobody doubts"},
	} {
		if err := c.call(); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("want %q, got %v", c.says, err)
		}
	}
	b.state("a", seq.Succeeded)
	b.state("b", seq.Pending)
}

// What another tool did is recorded, once, and undone in reverse when asked.
func TestImport(t *testing.T) {
	var undone []string
	op := func(name string) seq.Op {
		o := fail(name) // it would fail if it ran
		o.Checksum = "sum of " + name
		o.Rollback = func(context.Context) error { undone = append(undone, name); return nil }
		return o
	}
	b := newBench(t, strategies.Sequential(), op("a"), op("b"), op("c"))
	in := seq.Import{Origin: "goose: table goose_db_version", IDs: ids("a", "b", "c")}
	would, err := b.seq.Import(t.Context(), in, seq.DryRun())
	if err != nil || !slices.Equal(would, in.IDs) {
		t.Fatalf("%v, %v", would, err)
	}
	b.state("a", seq.Pending)
	for _, want := range []int{3, 0} {
		did, err := b.seq.Import(t.Context(), in)
		if err != nil || len(did) != want {
			t.Fatalf("%v, %v", did, err)
		}
	}
	if r := b.mustRun(); len(r.Steps) != 0 {
		t.Errorf("%s", r)
	}
	runs, err := b.store.Runs(t.Context(), store.Page{Limit: 1})
	if err != nil || runs[0].Strategy != "import goose: table goose_db_version" || runs[0].State != seq.RunSucceeded {
		t.Errorf("%+v, %v", runs, err)
	}
	preview, err := b.seq.PreviewRollback(t.Context(), seq.Last(2))
	if err != nil || !slices.Equal(preview.IDs(), ids("c", "b")) || preview.Direction != seq.Rollback {
		t.Fatalf("%v, %v", preview, err)
	}
	if _, err := b.seq.Rollback(t.Context(), seq.Last(2)); err != nil || !slices.Equal(undone, []string{"c", "b"}) {
		t.Errorf("%v, undone %v", err, undone)
	}
	b.state("a", seq.Succeeded)
	if _, err := b.seq.Import(t.Context(), seq.Import{Origin: "x", IDs: []string{id("z")}}); !errors.Is(err, seq.ErrInvalidOption) {
		t.Error(err)
	}
}

// Code and ledger drift apart in three ways; each has a policy.
func TestDrift(t *testing.T) {
	migration := func(name, sum string) seq.Op {
		o := ok(name)
		o.Kind, o.Checksum = seq.Migration, sum
		return o
	}
	b := newBench(t, strategies.Sequential(), migration("b", "1"), migration("c", "1"))
	b.mustRun()
	later := []seq.Op{migration("a", "1"), migration("b", "2")} // late, changed; c is missing
	b.with(strategies.Sequential(), later...)
	p, err := b.seq.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, f := range p.Findings {
		kinds = append(kinds, f.ID+" "+f.Kind)
	}
	if want := []string{id("a") + " late", id("b") + " changed", id("c") + " missing"}; !slices.Equal(kinds, want) {
		t.Errorf("got %q, want %q", kinds, want)
	}
	if !strings.HasPrefix(p.String(), "warn: "+id("a")+" is late") {
		t.Errorf("%s", p)
	}
	for name, d := range map[string]seq.Drift{"late": {Late: seq.Fail}, "changed": {Changed: seq.Fail}, "missing": {Missing: seq.Fail}} {
		b.seq.Use(d)
		if _, err := b.run(); !errors.Is(err, seq.ErrDrift) || !strings.Contains(err.Error(), " is "+name) {
			t.Errorf("%s: %v", name, err)
		}
		b.state("a", seq.Pending)
	}
	b.seq.Use(seq.Drift{Late: seq.Allow, Changed: seq.Allow, Missing: seq.Allow})
	if p, err := b.seq.Preview(t.Context()); err != nil || len(p.Findings) > 0 {
		t.Errorf("%v, %v", p, err)
	}
	b.mustRun()
}

// The plan that was looked at is the plan that runs, or none does.
func TestExpect(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"))
	p, err := b.seq.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.with(strategies.Sequential(), ok("a"), ok("b"))
	if _, err := b.run(seq.Expect(p.Hash())); !errors.Is(err, seq.ErrPlanChanged) {
		t.Error(err)
	}
	seqtest.AssertRan(t, b.rec)
	b.with(strategies.Sequential(), ok("a"))
	b.mustRun(seq.Expect(p.Hash()))
}

// Everybody can see how far an op has come, while it runs and afterwards.
func TestProgress(t *testing.T) {
	op := ok("a")
	var during seq.OpStatus
	var b *bench
	op.Run = func(ctx context.Context) error {
		if err := seq.Progress(ctx, 3, 10); err != nil {
			return err
		}
		st, err := b.seq.Status(context.Background())
		if err == nil {
			during = st.Ops[0]
		}
		return errors.Join(err, seq.Progress(ctx, 10, 10))
	}
	b = newBench(t, strategies.Sequential(), op)
	b.mustRun()
	if during.State != seq.Running || during.Done != 3 || during.Total != 10 {
		t.Errorf("%+v", during)
	}
	st, err := b.seq.Status(t.Context())
	if err != nil || st.Ops[0].Done != 10 || st.Ops[0].State != seq.Succeeded || st.Holder != nil {
		t.Errorf("%v, %+v", err, st)
	}
	if err := seq.Progress(t.Context(), 1, 2); !errors.Is(err, seq.ErrNotInOp) {
		t.Error(err)
	}
}

// A watcher that never returns holds up neither the run nor the others, and the run does not wait
// for it twice.
func TestAWatcherThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := middleware.Middleware{Name: "stuck", Watch: func(middleware.Event) { <-release }}
		heard := 0
		other := middleware.Middleware{Name: "other", Watch: func(middleware.Event) { heard++ }}
		s := seq.New(store.NewMemory(), ok("a")).Use(stuck, other)
		began := time.Now()
		for range 3 {
			if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > 6*time.Second || heard < 12 {
			t.Errorf("%s, %d events", took, heard)
		}
		close(release)
	})
}

// A commit carries the outcome of one op and the claim of the next: n ops, one after another, are n+3
// writes, and one that cannot start gives its claim back.
func TestClaimsGoWithOutcomes(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"), ok("b"), ok("c"), ok("d"))
	b.mustRun()
	if n := b.store.Writes(); n != 4+3 {
		t.Errorf("%d writes", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := ok("a")
	stop.Run = func(context.Context) error { cancel(); return nil }
	b = newBench(t, strategies.Sequential(), stop, ok("b"))
	if _, err := b.seq.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.state("b", seq.Pending)
	b.rec.Reset()
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("b"))
}

// A person may decide about an op that a run waits for: the run then goes on without it.
func TestSkipWhileARunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := fail("a")
		due := time.Now().Add(time.Hour)
		late.ExecuteAt = func(time.Time) time.Time { return due }
		b := newBench(t, strategies.Scheduled(strategies.Wait()), late, ok("b", "a"))
		done := make(chan *seq.Report)
		go func() {
			r, err := b.seq.Run(t.Context())
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		synctest.Wait()
		if err := seq.New(b.store, late, ok("b", "a")).Skip(t.Context(), id("a"), "not needed"); err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.Step(id("a")) == nil || r.Step(id("a")).State != seq.Succeeded || r.Step(id("b")).State != seq.Succeeded {
			t.Errorf("%s", r)
		}
		b.state("a", seq.Waived)
	})
}
