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
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

const (
	plansID    = "2024_01_15_120000_plans"
	contractID = "2024_01_15_130000_contract"
	expandID   = "2024_01_15_110000_expand"
)

// counted is an op in the background that counts to total, one a batch, and notes each batch that was
// committed.
type counted struct {
	mu      sync.Mutex
	batches []int
	each    time.Duration // that a batch takes
	fail    func(batch int) error
}

func (c *counted) op(total int) seq.Op {
	return seq.Op{ID: plansID, Delivery: seq.Resumable, Background: true, Run: func(ctx context.Context) error {
		var cursor int
		if _, err := seq.Saved(ctx, &cursor); err != nil {
			return err
		}
		for ; cursor < total; cursor++ {
			err := seq.Checkpoint(ctx, func(context.Context) (seq.Point, error) {
				if c.fail != nil {
					if err := c.fail(cursor + 1); err != nil {
						return seq.Point{}, err
					}
				}
				time.Sleep(c.each)
				return seq.Point{Cursor: cursor + 1, Done: int64(cursor + 1), Total: int64(total)}, nil
			})
			if err != nil {
				return err
			}
			c.mu.Lock()
			c.batches = append(c.batches, cursor+1)
			c.mu.Unlock()
		}
		return nil
	}}
}

func (c *counted) done() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.batches)
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// working calls Work until the test, or stop, ends it.
func working(t *testing.T, s *seq.Sequencer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Work(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Work: %v, want %v", err, context.Canceled)
			}
		})
	}
	return stop
}

func statusOf(t *testing.T, s *seq.Sequencer, id string) *seq.OpStatus {
	t.Helper()
	st, err := s.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Op(id)
}

func nop(id string, needs ...string) seq.Op {
	return seq.Op{ID: id, DependsOn: needs, Run: func(context.Context) error { return nil }}
}

func TestWorkDoesWhatRunLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		op := c.op(10)
		op.DependsOn = []string{expandID}
		s := seq.New(ledger, nop(expandID), op, nop(contractID, plansID))
		report, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := report.String(); !strings.Contains(got, "background work: "+plansID+", not begun") || len(c.done()) != 0 {
			t.Fatalf("the deploy says\n%s and has done %v", got, c.done())
		}
		if o := statusOf(t, s, contractID); o.Attempt != 0 || o.State != seq.Pending || o.Need != seq.InBackground {
			t.Errorf("what waits for it is %+v", o)
		}
		stop := working(t, s)
		time.Sleep(5500 * time.Millisecond)
		if o := statusOf(t, s, plansID); o.Done < 3 || o.Done > 6 || o.Total != 10 || o.State != seq.Running {
			t.Errorf("in the middle it is %+v", o)
		}
		// A deploy beside it is not held up, and does not disturb it.
		began := time.Now()
		if _, err := seq.New(ledger, nop(expandID), op, nop(contractID, plansID), nop("2024_01_15_140000_more")).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the deploy beside it took %s", took)
		}
		if err := s.Wait(t.Context()); err != nil {
			t.Errorf("Wait while only background work is left: %v", err)
		}
		if _, err := s.Run(t.Context(), seq.Needs(plansID)); !errors.Is(err, seq.ErrNeeds) || !strings.Contains(err.Error(), "of 10 done") {
			t.Errorf("a run that needs it: %v", err)
		}
		time.Sleep(10 * time.Second)
		stop()
		if got := c.done(); !slices.Equal(got, upTo(10)) {
			t.Fatalf("the batches are %v", got)
		}
		if report, err = s.Run(t.Context(), seq.Needs(plansID)); err != nil || report.Step(contractID).State != seq.Succeeded {
			t.Fatalf("the next deploy: %v\n%s", err, report)
		}
	})
}

func TestOneProcessAtATimeWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		first, second := seq.New(ledger, c.op(20)), seq.New(ledger, c.op(20))
		stopFirst := working(t, first)
		time.Sleep(5500 * time.Millisecond)
		stopSecond := working(t, second)
		time.Sleep(2 * time.Second)
		stopFirst() // it is handed over
		time.Sleep(30 * time.Second)
		stopSecond()
		if got := c.done(); !slices.Equal(got, upTo(20)) {
			t.Fatalf("the batches are %v", got)
		}
		runs, err := ledger.Runs(t.Context(), store.Page{Limit: 10})
		if err != nil || len(runs) != 1 || runs[0].State != seq.RunSucceeded {
			t.Errorf("the runs are %+v, %v: want one line for the op", runs, err)
		}
	})
}

func TestAPauseIsHeardAndAResumeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		worker, other := seq.New(ledger, c.op(20)), seq.New(ledger, c.op(20))
		stop := working(t, worker)
		defer stop()
		time.Sleep(5500 * time.Millisecond)
		by, why := seq.By("ann"), seq.Because("the disk is full")
		asked, err := other.Pause(t.Context(), plansID, by, why)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1050 * time.Millisecond)
		o := statusOf(t, other, plansID)
		if o.Control == nil || o.Control.Heard != asked.Number || o.State != seq.Pending || o.Kept != "paused by ann: the disk is full" {
			t.Errorf("a batch later it is %+v, %+v", o, o.Control)
		}
		if _, err := other.Pause(t.Context(), plansID, by, why); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), "Resume") {
			t.Errorf("a second pause: %v", err)
		}
		before := c.done()
		time.Sleep(time.Hour)
		if got := c.done(); !slices.Equal(got, before) {
			t.Fatalf("it went on: %v", got)
		}
		if o := statusOf(t, other, plansID); o.Crashes != 0 {
			t.Errorf("a pause counts as %d crashes", o.Crashes)
		}
		if _, err := other.Resume(t.Context(), plansID, by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := c.done(); len(got) <= len(before) {
			t.Errorf("it does not go on: %v", got)
		}
		time.Sleep(30 * time.Second)
		if got := c.done(); !slices.Equal(got, upTo(20)) {
			t.Fatalf("the batches are %v", got)
		}
		if _, err := other.Pause(t.Context(), plansID, by, why); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), "succeeded") {
			t.Errorf("a pause of what is done: %v", err)
		}
	})
}

func TestACancelIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		op := c.op(20)
		var undone []int
		op.Rollback = func(ctx context.Context) error {
			var cursor int
			_, err := seq.Saved(ctx, &cursor)
			undone = append(undone, cursor)
			return err
		}
		s := seq.New(ledger, op)
		stop := working(t, s)
		defer stop()
		time.Sleep(5500 * time.Millisecond)
		by, why := seq.By("ann"), seq.Because("it was a mistake")
		if _, err := s.Cancel(t.Context(), plansID, by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		before := c.done()
		for _, wake := range []func() error{
			func() error { _, err := s.Resume(t.Context(), plansID, by, why); return err },
			func() error { _, err := s.Set(t.Context(), plansID, 5, -1, by, why); return err },
		} {
			if err := wake(); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), "cancelled by ann (it was a mistake)") {
				t.Errorf("waking it: %v", err)
			}
		}
		if got := c.done(); len(got) > 7 || len(got) != len(before) {
			t.Fatalf("it went on: %v", got)
		}
		if o := statusOf(t, s, plansID); o.Kept != "cancelled by ann: it was a mistake" {
			t.Errorf("it is %+v", o)
		}
		if _, err := s.Rollback(t.Context(), seq.Only(plansID)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(undone, []int{len(before)}) {
			t.Errorf("undone from %v, want from %d", undone, len(before))
		}
		time.Sleep(time.Hour)
		if got := c.done(); len(got) != len(before) {
			t.Fatalf("it began anew: %v", got)
		}
	})
}

func TestAFailureAfterProgressIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := map[int]int{4: 1, 8: 2}
		c := &counted{each: time.Second}
		c.fail = func(batch int) error {
			if failures[batch] > 0 {
				failures[batch]--
				return fmt.Errorf("batch %d: the network is away", batch)
			}
			return nil
		}
		s := seq.New(store.NewMemory(), c.op(10))
		stop := working(t, s)
		defer stop()
		time.Sleep(time.Minute)
		if got := c.done(); !slices.Equal(got, upTo(10)) {
			t.Fatalf("the batches are %v", got)
		}
		if o := statusOf(t, s, plansID); o.State != seq.Succeeded || o.Attempt != 4 {
			t.Errorf("it is %+v", o)
		}
	})
}

func TestWorkGivesUpWhatGetsNoFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counted{fail: func(batch int) error {
			if batch == 3 {
				return errors.New("a poison row")
			}
			return nil
		}}
		s := seq.New(store.NewMemory(), c.op(10))
		stop := working(t, s)
		defer stop()
		time.Sleep(24 * time.Hour)
		o := statusOf(t, s, plansID)
		if o.State != seq.Failed || !strings.Contains(o.Kept, "failed too often") || !strings.Contains(o.Kept, "a poison row") {
			t.Fatalf("it is %+v", o)
		}
		if got := c.done(); !slices.Equal(got, upTo(2)) {
			t.Errorf("the batches are %v", got)
		}
	})
}

func TestAStoppedRunHoldsTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		slow := seq.Op{ID: "2024_01_15_120000_slow", Run: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Hour):
				return nil
			}
		}}
		s := seq.New(ledger, slow)
		type end struct {
			report *seq.Report
			err    error
		}
		ended := make(chan end, 2)
		run := func() { r, err := s.Run(t.Context()); ended <- end{r, err} }
		go run()
		time.Sleep(time.Second)
		go run() // it waits
		time.Sleep(time.Second)
		if _, err := s.Stop(t.Context()); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("a stop by nobody: %v", err)
		}
		by, why := seq.By("ann"), seq.Because("it is slow")
		if _, err := s.Stop(t.Context(), by, why); err != nil {
			t.Fatal(err)
		}
		time.Sleep(store.LeaseTTL / 5)
		synctest.Wait()
		first := <-ended
		if first.report.State != seq.RunInterrupted || !errors.Is(first.err, seq.ErrStopped) || !strings.Contains(first.err.Error(), "by ann: it is slow") {
			t.Fatalf("the run ended with %v\n%s", first.err, first.report)
		}
		time.Sleep(time.Hour)
		select {
		case other := <-ended:
			t.Fatalf("the one that waited ended with %v\n%s", other.err, other.report)
		default:
		}
		if _, err := s.Run(t.Context(), seq.Isolate(seq.OrFail)); !errors.Is(err, seq.ErrLeaseHeld) || !strings.Contains(err.Error(), "held: by ann") {
			t.Errorf("another run: %v", err)
		}
		if _, err := s.Rollback(t.Context(), by, seq.Isolate(seq.OrFail)); err != nil { // who holds it may act
			t.Errorf("ann's rollback: %v", err)
		}
		st, err := s.Status(t.Context())
		if err != nil || st.Control == nil || st.Control.Actor != "ann" || st.Control.Heard != st.Control.Number {
			t.Errorf("the status says %+v, %v", st.Control, err)
		}
		if _, err := s.Release(t.Context(), by, why); err != nil {
			t.Fatal(err)
		}
		if second := <-ended; second.err != nil {
			t.Errorf("the one that waited: %v", second.err)
		}
		if _, err := s.Release(t.Context(), by, why); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("a second release: %v", err)
		}
	})
}

func TestABackgroundOpIsChecked(t *testing.T) {
	op := (&counted{}).op(1)
	for want, change := range map[string]func(*seq.Op){
		"Background needs the Delivery resumable": func(o *seq.Op) { o.Delivery = seq.Repeatable },
		"a migration cannot be resumable":         func(o *seq.Op) { o.Kind = seq.Migration },
		"has no ExecuteAt":                        func(o *seq.Op) { o.ExecuteAt = seq.NextAt(2, 0, time.UTC) },
		"want 1 to 100 letters":                   func(o *seq.Op) { o.Lane = "a b" },
		"is for an op with Background":            func(o *seq.Op) { o.Background, o.Lane = false, "x" },
	} {
		bad := op
		change(&bad)
		s := seq.New(store.NewMemory(), bad)
		if _, err := s.Run(t.Context()); !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), want) {
			t.Errorf("Run: %v, want %q", err, want)
		}
		if err := s.Work(t.Context()); !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), want) {
			t.Errorf("Work: %v, want %q", err, want)
		}
	}
}

// TestAResumableOpBeginsAnewInItsNextGeneration: what was saved belongs to a generation, so that Repeat and
// what comes after a rollback do not take it for theirs.
func TestAResumableOpBeginsAnewInItsNextGeneration(t *testing.T) {
	c := &counted{}
	op := c.op(3)
	op.Background = false
	op.Rollback = func(context.Context) error { return nil }
	s := seq.New(store.NewMemory(), op)
	for _, again := range []func() error{
		func() error { _, err := s.Run(t.Context()); return err },
		func() error { _, err := s.Run(t.Context(), seq.Repeat()); return err },
		func() error { _, err := s.Rollback(t.Context()); return err },
		func() error { _, err := s.Run(t.Context()); return err },
	} {
		if err := again(); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.done(); !slices.Equal(got, []int{1, 2, 3, 1, 2, 3, 1, 2, 3}) {
		t.Errorf("the batches are %v", got)
	}
}

// TestASagaUndoesWhatAResumableOpHasHalfDone: its checkpoints are committed, also if it fails afterwards.
func TestASagaUndoesWhatAResumableOpHasHalfDone(t *testing.T) {
	for name, c := range map[string]*counted{
		"half done":  {fail: func(batch int) error { return failAt(batch, 3) }},
		"not at all": {fail: func(batch int) error { return failAt(batch, 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			op := c.op(5)
			op.Background = false
			undone := -1
			op.Rollback = func(ctx context.Context) error {
				_, err := seq.Saved(ctx, &undone)
				return err
			}
			report, err := seq.New(store.NewMemory(), op).Use(strategies.TransactionalBatch()).Run(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			want := len(c.done())
			if want == 0 {
				want = -1
			}
			if undone != want {
				t.Errorf("undone from %d, want from %d\n%s", undone, want, report)
			}
		})
	}
}

func failAt(batch, at int) error {
	if batch == at {
		return fmt.Errorf("batch %d fails", batch)
	}
	return nil
}

// TestARollbackOfWhatABackfillRestsOnIsRefused: it says how far that is.
func TestARollbackOfWhatABackfillRestsOnIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counted{each: time.Second}
		op := c.op(1000)
		op.DependsOn = []string{expandID}
		expand := nop(expandID)
		expand.Rollback = expand.Run
		s := seq.New(store.NewMemory(), expand, op)
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := working(t, s)
		time.Sleep(5500 * time.Millisecond)
		for range 2 { // while it works, and while it rests
			_, err := s.Rollback(t.Context(), seq.Only(expandID))
			if !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), plansID) || !strings.Contains(err.Error(), "of 1000 done") {
				t.Errorf("the rollback: %v", err)
			}
			stop()
		}
		if o := statusOf(t, s, expandID); o.State != seq.Succeeded {
			t.Errorf("it is %+v", o)
		}
	})
}

// TestABackfillWaitsForTheEndOfTheRunThatDidItsMigration: a saga may still undo that.
func TestABackfillWaitsForTheEndOfTheRunThatDidItsMigration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{}
		op := c.op(3)
		op.DependsOn = []string{expandID}
		expand := nop(expandID)
		undone := false
		expand.Rollback = func(context.Context) error { undone = true; return nil }
		slow := seq.Op{ID: contractID, DependsOn: []string{expandID}, Run: func(context.Context) error {
			time.Sleep(10 * time.Second)
			return errors.New("it fails")
		}}
		deploy := seq.New(ledger, expand, op, slow).Use(strategies.TransactionalBatch())
		stop := working(t, seq.New(ledger, expand, op, slow))
		defer stop()
		if _, err := deploy.Run(t.Context()); err == nil || !undone {
			t.Fatalf("the deploy: %v, undone %t", err, undone)
		}
		time.Sleep(time.Minute)
		if got := c.done(); len(got) > 0 {
			t.Errorf("it began: %v", got)
		}
	})
}

// TestTheCursorSurvivesARenameAndACrash: the first process under the new ID dies before its first checkpoint.
func TestTheCursorSurvivesARenameAndACrash(t *testing.T) {
	const newID = "2024_01_15_120000_plans_of_users"
	ledger := seqtest.NewStore()
	c := &counted{fail: func(batch int) error { return failAt(batch, 4) }}
	op := c.op(6)
	op.Background = false
	if _, err := seq.New(ledger, op).Run(t.Context()); err == nil {
		t.Fatal("no error")
	}
	c.fail = nil
	op.ID, op.RenamedFrom = newID, []string{plansID}
	ledger.CrashBefore(ledger.Writes() + 3) // its first checkpoint
	if _, err := seq.New(ledger, op).Run(t.Context()); err == nil {
		t.Fatal("no crash")
	}
	ledger.Restart()
	if _, err := seq.New(ledger, op).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.done(); !slices.Equal(got, upTo(6)) {
		t.Errorf("the batches are %v", got)
	}
}

// TestWatchersHearHowABackfillGetsOn: its pace with each checkpoint, and once why it does not move.
func TestWatchersHearHowABackfillGetsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := (&counted{}).op(1)
		op.Run = func(ctx context.Context) error {
			for range 3 {
				if err := seq.Rest(ctx, "the replica lags", time.Second); err != nil {
					return err
				}
			}
			return seq.Checkpoint(ctx, func(context.Context) (seq.Point, error) {
				return seq.Point{Done: 5, Total: 5, Pace: seq.Pace{Rate: 2.5, Estimate: seq.EstimateDone, Size: 5}}, nil
			})
		}
		var mu sync.Mutex
		var heard []string
		watch := middleware.Middleware{Name: "watch", Watch: func(e middleware.Event) {
			if e.Kind == middleware.EventProgress {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, fmt.Sprintf("%d of %d at %g: %s", e.Done, e.Total, e.Pace.Rate, e.Reason))
			}
		}}
		stop := working(t, seq.New(store.NewMemory(), op).Use(watch))
		time.Sleep(time.Minute)
		stop()
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"0 of 0 at 0: the replica lags", "5 of 5 at 2.5: "}; !slices.Equal(heard, want) {
			t.Errorf("heard %q, want %q", heard, want)
		}
	})
}
