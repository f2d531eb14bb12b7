package integration_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

// onEachStrategy runs a test with every strategy on a ledger of its own, in a database of each kind.
func onEachStrategy(t *testing.T, test func(t *testing.T, dsn string, strategy seq.Strategy, ledgers func() *bunstore.Store)) {
	t.Helper()
	onEach(t, func(t *testing.T, dsn string) {
		for _, name := range strategies.Names() {
			t.Run(name, func(t *testing.T) {
				strategy, err := strategies.Named(name)
				if err != nil {
					t.Fatal(err)
				}
				ledgers := func() *bunstore.Store { return ledger(t, dsn, bunstore.Namespace(name)) }
				s := ledgers()
				query(t, s, "DROP TABLE IF EXISTS effects")
				effects(t, s)
				test(t, dsn, strategy, ledgers)
			})
		}
	})
}

// TestThreeReplicasChargeOnce: the request arrived and its answer did not. Three replicas start at once, each
// with a connection of its own, and start again; the effect is there once until a person has looked.
func TestThreeReplicasChargeOnce(t *testing.T) {
	const charge = "2024_01_15_120000_charge"
	onEachStrategy(t, func(t *testing.T, _ string, strategy seq.Strategy, ledgers func() *bunstore.Store) {
		outside := ledgers()
		op := seq.Op{ID: charge, Delivery: seq.Once, Run: func(ctx context.Context) error {
			return errors.Join(leaveOutside(outside, charge, "charged")(ctx), errors.New("i/o timeout"))
		}}
		for range 2 {
			var replicas sync.WaitGroup
			for range 3 {
				s := seq.New(ledgers(), op).Use(strategy)
				replicas.Go(func() {
					if report, err := s.Run(t.Context()); err == nil {
						t.Errorf("a replica succeeded\n%s", report)
					}
				})
			}
			replicas.Wait()
		}
		if n := count(t, outside, charge, "charged"); n != 1 {
			t.Fatalf("charged %d times", n)
		}
		s := seq.New(outside, op).Use(strategy)
		if err := s.Resolve(t.Context(), charge, seq.Done, "the bank has it"); err != nil {
			t.Fatal(err)
		}
		if report, err := s.Run(t.Context()); err != nil || count(t, outside, charge, "charged") != 1 {
			t.Errorf("after Resolve: %v\n%s", err, report)
		}
	})
}

// TestVerifyAnswersForTheError: who asks the partner at once needs no person.
func TestVerifyAnswersForTheError(t *testing.T) {
	const charge = "2024_01_15_120000_charge"
	onEachStrategy(t, func(t *testing.T, _ string, strategy seq.Strategy, ledgers func() *bunstore.Store) {
		s, arrives := ledgers(), false
		op := seq.Op{ID: charge, Delivery: seq.Once, Run: func(ctx context.Context) error {
			if arrives {
				return errors.Join(leaveOutside(s, charge, "charged")(ctx), errors.New("i/o timeout"))
			}
			return errors.New("i/o timeout")
		}, Verify: func(context.Context) (bool, error) { return count(t, s, charge, "charged") > 0, nil }}
		sequencer := seq.New(s, op).Use(strategy)
		if report, err := sequencer.Run(t.Context()); err == nil || report.Step(charge).State != seq.Failed {
			t.Fatalf("it did not arrive: %v\n%s", err, report)
		}
		arrives = true
		if report, err := sequencer.Run(t.Context()); err != nil || report.Step(charge).State != seq.Succeeded {
			t.Errorf("it arrived: %v\n%s", err, report)
		}
		if n := count(t, s, charge, "charged"); n != 1 {
			t.Errorf("charged %d times", n)
		}
	})
}

// TestAnInterruptionLeavesWhatItsDeliverySays, on a real database, and the next start goes on.
func TestAnInterruptionLeavesWhatItsDeliverySays(t *testing.T) {
	for delivery, want := range map[seq.Delivery]struct {
		state seq.State
		rows  int // when it is over
	}{
		seq.Transactional: {seq.Pending, 1},
		seq.Repeatable:    {seq.Indeterminate, 2},
	} {
		t.Run(delivery.String(), func(t *testing.T) {
			const a, b = "2024_01_15_120000_a", "2024_01_15_120001_b"
			onEachStrategy(t, func(t *testing.T, _ string, strategy seq.Strategy, ledgers func() *bunstore.Store) {
				s := ledgers()
				ctx, stop := context.WithCancelCause(t.Context())
				trace := leaveOutside(s, b, "done")
				if delivery == seq.Transactional {
					trace = leave(b, "done")
				}
				sequencer := seq.New(s, transactional(a, leave(a, "done"), leave(a, "undone")), seq.Op{
					ID: b, Delivery: delivery, DependsOn: []string{a}, Rollback: func(context.Context) error { return nil },
					Run: func(ctx context.Context) error {
						if err := trace(ctx); err != nil {
							return err
						}
						stop(errors.New("SIGTERM"))
						return ctx.Err()
					},
				}).Use(strategy)
				report, err := sequencer.Run(ctx)
				if err == nil || report.State != seq.RunInterrupted || report.Step(b).State != want.state || len(report.Failed()) != 0 {
					t.Fatalf("%v\n%s", err, report)
				}
				if n := count(t, s, a, "undone"); n != 0 {
					t.Error("an interruption undid what was done")
				}
				if report, err := sequencer.Run(t.Context()); err != nil {
					t.Fatalf("the next start: %v\n%s", err, report)
				}
				if done, again := count(t, s, a, "done"), count(t, s, b, "done"); done != 1 || again != want.rows {
					t.Errorf("%d and %d rows, want 1 and %d", done, again, want.rows)
				}
			})
		})
	}
}

// TestAFleetFailsOnce: of replicas that start at once, one tries what fails, and the others tell of it.
func TestAFleetFailsOnce(t *testing.T) {
	const op = "2024_01_15_120000_fails"
	onEachStrategy(t, func(t *testing.T, _ string, strategy seq.Strategy, ledgers func() *bunstore.Store) {
		outside, started, all := ledgers(), make(chan struct{}), make(chan struct{})
		run := func(ctx context.Context) error {
			if err := leaveOutside(outside, op, "called")(ctx); err != nil {
				return err
			}
			close(started)
			<-all
			return errBoom
		}
		errs := make(chan error, 3)
		first := seq.New(ledgers(), seq.Op{ID: op, Run: run}).Use(strategy)
		go func() { _, err := first.Run(t.Context()); errs <- err }()
		<-started
		waits := make(chan struct{}, 2)
		for range 2 {
			s := seq.New(ledgers(), seq.Op{ID: op, Run: run}).Use(strategy, waiting(waits))
			go func() { _, err := s.Run(t.Context()); errs <- err }()
		}
		<-waits
		<-waits
		close(all)
		elsewhere := 0
		for range 3 {
			err := <-errs
			if failed := (*seq.OpError)(nil); !errors.As(err, &failed) || failed.ID != op {
				t.Errorf("got %v", err)
			}
			if errors.Is(err, seq.ErrFailedElsewhere) {
				elsewhere++
			}
		}
		if n := count(t, outside, op, "called"); n != 1 || elsewhere != 2 {
			t.Errorf("called %d times, %d replicas tell of another", n, elsewhere)
		}
	})
}

// waiting says when a sequencer begins to wait for the lease.
func waiting(said chan<- struct{}) middleware.Middleware {
	var once sync.Once
	return middleware.Middleware{Name: "waiting", Watch: func(e middleware.Event) {
		if e.Kind == middleware.EventWaiting {
			once.Do(func() { said <- struct{}{} })
		}
	}}
}
