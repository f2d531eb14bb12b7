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

// A worker gives back every lane that it took: that of an earlier ID, too.
func TestAWorkerGivesAllLanesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		op := c.op(3)
		op.ID, op.RenamedFrom = "2024_01_15_120000_all_plans", []string{plansID}
		stop := working(t, seq.New(ledger, op))
		defer stop()
		time.Sleep(30 * time.Second)
		if len(c.done()) != 3 {
			t.Fatalf("the batches are %v", c.done())
		}
		held, err := ledger.Leases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range held {
			if strings.HasPrefix(l.Name, store.LanePrefix) {
				t.Errorf("the lease %s is still held", l.Name)
			}
		}
	})
}

// Two ops that share a lane have a run each: that of one is not the end of the other's.
func TestOpsOfOneLaneHaveRunsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, fails := store.NewMemory(), true
		plans := &counted{fail: func(batch int) error {
			if batch == 2 && fails {
				fails = false
				return errors.New("the network is away")
			}
			return nil
		}}
		first := plans.op(3)
		second := (&counted{}).op(3)
		second.ID = "2024_01_15_123000_prices"
		first.Lane, second.Lane = "users", "users"
		stop := working(t, seq.New(ledger, first, second))
		defer stop()
		time.Sleep(30 * time.Second)
		entries, err := ledger.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]bool{}
		for _, e := range entries {
			of[e.Run] = true
			run, known, err := ledger.LookupRun(t.Context(), e.Run)
			if err != nil || !known || e.State != seq.Succeeded || run.State != seq.RunSucceeded || !strings.Contains(run.Selection, e.ID) {
				t.Errorf("%s is %s, its run %+v, %v", e.ID, e.State, run, err)
			}
		}
		if runs, err := ledger.Runs(t.Context(), store.Page{Limit: 10}); err != nil || len(runs) != 2 || len(of) != 2 {
			t.Errorf("the runs are %+v, %v: want one of each op", runs, err)
		}
	})
}

// A commit that failed may have taken effect, whatever its error says: the op does not go on in this attempt
// from where it was, but in the next one from where the ledger says that it is.
func TestABatchWhoseCommitFailedIsNotTriedInTheSameAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := &unheard{Memory: store.NewMemory(), at: 3}, &counted{}
		stop := working(t, seq.New(ledger, c.op(5)).Use(middleware.Retry(3, time.Millisecond)))
		time.Sleep(time.Minute)
		stop()
		if want := []int{1, 2, 3, 4, 5}; !slices.Equal(ledger.kept, want) {
			t.Errorf("the batches that were kept are %v, want %v", ledger.kept, want)
		}
	})
}

// unheard is a ledger that keeps the commit of one batch, and answers with an error that does not say so.
type unheard struct {
	*store.Memory
	at   int
	kept []int
}

func (u *unheard) Atomic(ctx context.Context, lease store.Lease, claim store.Claim, fn func(context.Context) (store.Batch, error)) ([]string, error) {
	done := 0
	refused, err := u.Memory.Atomic(ctx, lease, claim, func(ctx context.Context) (store.Batch, error) {
		b, err := fn(ctx)
		for _, h := range b.Headway {
			done = int(h.Done)
		}
		return b, err
	})
	if err == nil && done > 0 {
		if u.kept = append(u.kept, done); len(u.kept) == u.at {
			return nil, errors.New("connection reset by peer")
		}
	}
	return refused, err
}

// What a dead process left open is closed also if somebody has cancelled the op meanwhile: only then can it be
// undone.
func TestACancelledOpWhoseProcessDiedIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, ctx := store.NewMemory(), t.Context()
		lease, err := ledger.Acquire(ctx, store.LanePrefix+plansID, store.Owner{})
		if err != nil {
			t.Fatal(err)
		}
		token := store.NewToken()
		if refused, err := ledger.Write(ctx, lease, store.Batch{Claims: []store.Claim{{
			ID: plansID, Token: token, Run: "of the dead", Delivery: store.Transactional, Generation: 1, Attempt: 1,
		}}}); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
		if refused, err := ledger.Write(ctx, lease, store.Batch{Saves: []store.Snapshot{{ID: plansID, Token: token, Data: []byte(`{"cursor":2}`)}}}); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
		op, undone := (&counted{}).op(5), 0
		op.Rollback = func(context.Context) error { undone++; return nil }
		s := seq.New(ledger, op)
		asked, err := s.Cancel(ctx, plansID, seq.By("ann"), seq.Because("it was a mistake"))
		if err != nil {
			t.Fatal(err)
		}
		stop := working(t, s)
		defer stop()
		time.Sleep(store.LeaseTTL + time.Minute)
		if o := statusOf(t, s, plansID); o.State != seq.Pending || o.Crashes != 1 || o.Control.Heard != asked.Number {
			t.Errorf("it is %+v, %+v", o, o.Control)
		}
		if _, err := s.Rollback(ctx, seq.Only(plansID)); err != nil || undone != 1 {
			t.Errorf("undone %d times, %v", undone, err)
		}
	})
}

// Only what is asked after a rollback has the op done again: not a request that nobody has heard since before.
func TestAnOlderRequestDoesNotResumeWhatWasRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counted{each: time.Second}
		op := c.op(3)
		op.Rollback = func(context.Context) error { return nil }
		s := seq.New(store.NewMemory(), op)
		stop := working(t, s)
		time.Sleep(2500 * time.Millisecond) // the last batch is under way
		by, why := seq.By("ann"), seq.Because("it is slow")
		if _, err := s.Set(t.Context(), plansID, 5, -1, by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		if _, err := s.Rollback(t.Context(), seq.Only(plansID)); err != nil {
			t.Fatal(err)
		}
		defer working(t, s)()
		time.Sleep(time.Minute)
		if got := c.done(); !slices.Equal(got, upTo(3)) {
			t.Fatalf("it began anew: %v", got)
		}
		if _, err := s.Set(t.Context(), plansID, 6, -1, by, why); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), "Resume") {
			t.Errorf("Set of what was rolled back: %v", err)
		}
		if _, err := s.Resume(t.Context(), plansID, by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := c.done(); !slices.Equal(got, append(upTo(3), upTo(3)...)) {
			t.Errorf("after Resume the batches are %v", got)
		}
	})
}

// TestASagaThatDiedAtItsVeryEndIsEndedByTheNextStart: all its ops are done, and the line of its run says that
// it is under way. What works in the background behind it waits for that.
func TestASagaThatDiedAtItsVeryEndIsEndedByTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := seqtest.NewStore(), &counted{}
		op := c.op(3)
		op.DependsOn = []string{expandID}
		app := func() *seq.Sequencer { return seq.New(ledger, nop(expandID), op).Use(strategies.TransactionalBatch()) }
		ledger.CrashBefore(4) // begin, claim, outcome, and the end
		if _, err := app().Run(t.Context()); err == nil {
			t.Fatal("no crash")
		}
		ledger.Restart()
		if o := statusOf(t, app(), expandID); o.State != seq.Succeeded {
			t.Fatalf("it is %s", o.State)
		}
		stop := working(t, app())
		defer stop()
		time.Sleep(time.Minute)
		if got := c.done(); len(got) > 0 {
			t.Fatalf("it began behind a saga that may be undone: %v", got)
		}
		if report, err := app().Run(t.Context()); err != nil || len(report.Findings) > 0 {
			t.Fatalf("the next start: %v\n%s", err, report)
		}
		time.Sleep(time.Minute)
		if got := c.done(); !slices.Equal(got, upTo(3)) {
			t.Errorf("the batches are %v", got)
		}
		if open, err := ledger.UnfinishedRuns(t.Context()); err != nil || len(open) > 0 {
			t.Errorf("there are still %+v, %v", open, err)
		}
	})
}

// TestACancellationHoldsUnderALaterID: nothing takes it back, a rename neither.
func TestACancellationHoldsUnderALaterID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		op := c.op(20)
		by, why := seq.By("ann"), seq.Because("it was a mistake")
		if _, err := seq.New(ledger, op).Cancel(t.Context(), plansID, by, why); err != nil {
			t.Fatal(err)
		}
		op.ID, op.RenamedFrom = "2024_01_15_120000_plans_of_users", []string{plansID}
		s := seq.New(ledger, op)
		stop := working(t, s)
		defer stop()
		time.Sleep(time.Minute)
		if got := c.done(); len(got) > 0 {
			t.Errorf("it works: %v", got)
		}
		if o := statusOf(t, s, op.ID); o.Kept != "cancelled by ann: it was a mistake" {
			t.Errorf("it is %+v", o)
		}
		if _, err := s.Resume(t.Context(), op.ID, by, why); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), "final") {
			t.Errorf("waking it: %v", err)
		}
	})
}

// TestWhatDiedInADeployIsTakenUpInTheBackground: an op was worked on by a run, whose process died, and has
// become one in the background since.
func TestWhatDiedInADeployIsTakenUpInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := seqtest.NewStore(), &counted{}
		op := c.op(5)
		op.Background = false
		ledger.CrashBefore(5) // begin, claim, two checkpoints
		if _, err := seq.New(ledger, op).Run(t.Context()); err == nil {
			t.Fatal("no crash")
		}
		ledger.Restart()
		op.Background = true
		stop := working(t, seq.New(ledger, op))
		defer stop()
		time.Sleep(time.Minute)
		if got := c.done(); !slices.Equal(got, upTo(5)) {
			t.Errorf("the batches are %v", got)
		}
	})
}

// TestAPauseHoldsUnderALaterID: also when the ledger has a note about the op under that ID, which is no request.
func TestAPauseHoldsUnderALaterID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{}
		op := c.op(5)
		by, why := seq.By("ann"), seq.Because("the disk is full")
		if _, err := seq.New(ledger, op).Pause(t.Context(), plansID, by, why); err != nil {
			t.Fatal(err)
		}
		op.ID, op.RenamedFrom = "2024_01_15_120000_plans_of_users", []string{plansID}
		lane, err := ledger.Acquire(t.Context(), store.LanePrefix+op.ID, store.Owner{})
		if err == nil {
			err = ledger.Answer(t.Context(), lane, store.Answer{ID: op.ID, Note: "it rests"})
		}
		if err == nil {
			err = ledger.Release(t.Context(), lane)
		}
		if err != nil {
			t.Fatal(err)
		}
		s := seq.New(ledger, op)
		stop := working(t, s)
		defer stop()
		time.Sleep(time.Minute)
		if got := c.done(); len(got) > 0 {
			t.Errorf("it works: %v", got)
		}
		if _, err := s.Resume(t.Context(), op.ID, by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := c.done(); !slices.Equal(got, upTo(5)) {
			t.Errorf("the batches are %v", got)
		}
	})
}

// TestWatchersHearWhyABackgroundOpDoesNotBegin: no run has begun that could tell.
func TestWatchersHearWhyABackgroundOpDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := (&counted{}).op(1)
		op.Inspect = func(context.Context, seq.Inspection) (seq.Details, error) {
			return seq.Details{}, errors.New("the table is not there")
		}
		heard := make(chan middleware.Event, 100)
		watch := middleware.Middleware{Name: "watch", Watch: func(e middleware.Event) {
			if e.Kind == middleware.EventWaiting {
				heard <- e
			}
		}}
		stop := working(t, seq.New(store.NewMemory(), op).Use(watch))
		time.Sleep(time.Minute)
		stop()
		if len(heard) == 0 {
			t.Fatal("nobody heard why")
		}
		if e := <-heard; e.ID != plansID || !errors.Is(e.Err, seq.ErrNotReady) || !strings.Contains(e.Err.Error(), "the table is not there") {
			t.Errorf("heard %+v", e)
		}
	})
}

// TestWhatWasCancelledUnderAnEarlierIDIsUndone: its batches are there, whatever it is called now.
func TestWhatWasCancelledUnderAnEarlierIDIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		op := c.op(20)
		stop := working(t, seq.New(ledger, op))
		time.Sleep(5500 * time.Millisecond)
		if _, err := seq.New(ledger, op).Cancel(t.Context(), plansID, seq.By("ann"), seq.Because("it was a mistake")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		undone := 0
		op.ID, op.RenamedFrom = "2024_01_15_120000_plans_of_users", []string{plansID}
		op.Rollback = func(ctx context.Context) error {
			_, err := seq.Saved(ctx, &undone)
			return err
		}
		s := seq.New(ledger, op)
		if p, err := s.PreviewRollback(t.Context(), seq.Only(op.ID)); err != nil || !slices.Equal(p.IDs(), []string{op.ID}) {
			t.Errorf("the preview is %v, %v", p, err)
		}
		if _, err := s.Rollback(t.Context(), seq.Only(op.ID)); err != nil {
			t.Fatal(err)
		}
		if want := len(c.done()); undone != want || want == 0 {
			t.Errorf("undone from %d, want from %d", undone, want)
		}
	})
}
