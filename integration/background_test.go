package integration_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

const countID = "2024_01_15_120000_count_up"

// counters makes a table of so many counters at 0.
func counters(t *testing.T, s *bunstore.Store, many int) {
	t.Helper()
	query(t, s, "CREATE TABLE counters (id bigint PRIMARY KEY, n bigint NOT NULL)")
	if _, err := s.DB().ExecContext(t.Context(), "INSERT INTO counters WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ?) SELECT i, 0 FROM g", many); err != nil {
		t.Fatal(err)
	}
}

// uncounted is how many counters are not at 1.
func uncounted(t *testing.T, s *bunstore.Store) (wrong int) {
	t.Helper()
	if err := s.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM counters WHERE n <> 1").Scan(&wrong); err != nil {
		t.Fatal(err)
	}
	return wrong
}

// countUp is an op in the background that adds 1 to each counter, a hundred at a time, in parts that are
// worked on side by side. before is called in each batch, before it writes.
func countUp(each, parts int64, before func(ctx context.Context, part int64)) seq.Op {
	return seq.Op{ID: countID, Delivery: seq.Resumable, Background: true, Run: func(ctx context.Context) error {
		done := make([]int64, parts)
		if _, err := seq.Saved(ctx, &done); err != nil {
			return err
		}
		var mu sync.Mutex
		errs := make([]error, parts)
		var group sync.WaitGroup
		for p := range parts {
			group.Go(func() {
				for done[p] < each && errs[p] == nil {
					locked := false
					errs[p] = seq.Checkpoint(ctx, func(ctx context.Context) (seq.Point, error) {
						if before != nil {
							before(ctx, p)
						}
						from := p*each + done[p]
						_, err := bunstore.DB(ctx).ExecContext(ctx, "UPDATE counters SET n = n + 1 WHERE id > ? AND id <= ?", from, from+100)
						mu.Lock()
						locked = true
						next, sum := append([]int64(nil), done...), int64(100)
						next[p] += 100
						for _, n := range done {
							sum += n
						}
						return seq.Point{Cursor: next, Done: sum, Total: each * parts}, err
					})
					if errs[p] == nil {
						done[p] += 100
					}
					if locked {
						mu.Unlock()
					}
				}
			})
		}
		group.Wait()
		return errors.Join(errs...)
	}}
}

// worked lets sequencers work until an op is done.
func worked(t *testing.T, id string, workers ...*seq.Sequencer) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { _ = w.Work(ctx) })
	}
	for ctx.Err() == nil {
		st, err := workers[0].Status(ctx)
		if err == nil && st.Succeeded(id) {
			stop()
		}
	}
	group.Wait()
	if st, err := workers[0].Status(t.Context()); err != nil || !st.Succeeded(id) {
		t.Fatalf("it is %+v, %v", st.Op(id), err)
	}
}

func TestPartsSideBySideCountEachRowOnce(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		counters(t, s, 8000)
		worked(t, countID, seq.New(s, countUp(2000, 4, nil)), seq.New(ledger(t, dsn), countUp(2000, 4, nil)))
		if wrong := uncounted(t, s); wrong > 0 {
			t.Errorf("%d counters are not at 1", wrong)
		}
	})
}

// TestABatchOfWhoLostItsLaneKeepsNothing: a process sleeps in a batch until another one has its lane and
// works on the same rows. What it wrote is gone when it wakes up, and each row is counted once.
func TestABatchOfWhoLostItsLaneKeepsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		if dsn[0] == '/' {
			return // on SQLite the sleeper keeps the only write lock: nobody can take its lane
		}
		s, other := ledger(t, dsn), ledger(t, dsn)
		counters(t, s, 1000)
		asleep, wake := make(chan struct{}), make(chan struct{})
		batches := 0
		sleeper := seq.New(s, countUp(1000, 1, func(ctx context.Context, _ int64) {
			if batches++; batches == 3 {
				if _, err := bunstore.DB(ctx).ExecContext(ctx, "UPDATE counters SET n = n + 1 WHERE id = 1000"); err != nil {
					t.Error(err)
				}
				close(asleep)
				<-wake
			}
		}))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- sleeper.Work(ctx) }()
		<-asleep
		if err := other.Revoke(t.Context(), store.LanePrefix+countID); err != nil {
			t.Fatal(err)
		}
		reached := make(chan struct{})
		var once sync.Once
		next := seq.New(other, countUp(1000, 1, func(context.Context, int64) { once.Do(func() { close(reached) }) }))
		go func() {
			<-reached
			close(wake)
		}()
		worked(t, countID, next)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Work: %v, want %v", err, context.Canceled)
		}
		if wrong := uncounted(t, s); wrong > 0 {
			t.Errorf("%d counters are not at 1", wrong)
		}
		history, err := s.History(t.Context(), countID, store.Page{Limit: 10})
		if err != nil || len(history) != 2 || !history[1].Lost {
			t.Errorf("the history is %+v, %v", history, err)
		}
	})
}
