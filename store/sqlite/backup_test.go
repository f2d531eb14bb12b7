package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A backup that was made in the middle of an op has a lease in it, and an attempt that nobody will
// end. Who restores it waits until the lease has expired; then the attempt is closed by its delivery.
func TestABackupOfARun(t *testing.T) {
	for delivery, want := range map[store.Delivery]struct {
		calls int // of the run on the copy
		err   error
		was   store.State
	}{
		store.Repeatable:    {calls: 1, was: store.Indeterminate},
		store.Transactional: {calls: 1, was: store.Pending},
		store.Once:          {err: seq.ErrIndeterminate, was: store.Indeterminate},
	} {
		t.Run(delivery.String(), func(t *testing.T) {
			t.Parallel() // they wait
			s := effects(t, bunstore.LeaseTTL(2*time.Second))
			path, calls := file(t), 0
			op := seq.Op{ID: "2024_01_15_120000_a", Delivery: delivery, Run: func(ctx context.Context) error {
				if calls++; calls > 1 {
					return nil
				}
				if delivery == store.Transactional {
					if err := effect(ctx, "a"); err != nil {
						return err
					}
				}
				_, err := s.DB().ExecContext(ctx, `VACUUM INTO ?`, path)
				return err
			}}
			next := seqtest.Succeeds("2024_01_15_120001_b")
			if _, err := seq.New(s, op, next).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			restored := open(t, path)
			if held, err := restored.Holder(t.Context(), store.RunLease); err != nil || held == nil {
				t.Errorf("the backup has no lease in it: %v, %v", held, err)
			}
			if n := count(t, restored); n != 0 {
				t.Errorf("the backup has %d effects of the op in it, want 0", n)
			}
			if _, err := seq.New(restored, op, next).Run(t.Context()); !errors.Is(err, want.err) {
				t.Errorf("got %v, want %v", err, want.err)
			}
			if calls != 1+want.calls {
				t.Errorf("%d calls on the backup, want %d", calls-1, want.calls)
			}
			history, err := restored.History(t.Context(), op.ID, store.Page{Limit: 1000})
			if err != nil || len(history) != 1+want.calls || !history[want.calls].Lost || history[want.calls].State != want.was {
				t.Errorf("the history is %+v, %v; want the first lost and %s", history, err, want.was)
			}
		})
	}
}

// The connections that remember statements are still the driver's to those who reach for one.
func TestTheDriversBackup(t *testing.T) {
	s := open(t, file(t))
	op := seqtest.Succeeds("2024_01_15_120000_a")
	if _, err := seq.New(s, op).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := file(t)
	conn, err := s.DB().DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(c any) error {
		backup, err := c.(interface {
			NewBackup(to string) (*driversqlite.Backup, error)
		}).NewBackup(path)
		if err != nil {
			return err
		}
		_, err = backup.Step(-1)
		return errors.Join(err, backup.Finish())
	})
	if err != nil {
		t.Fatal(err)
	}
	copied := open(t, path)
	seqtest.AssertState(t, copied, op.ID, store.Succeeded)
	if _, err := seq.New(copied, op).Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	seqtest.AssertState(t, s, op.ID, store.Succeeded)
}

// What is remembered does not mind when tables change between two runs.
func TestTablesChangeBetweenRuns(t *testing.T) {
	s := effects(t)
	op := seqtest.Succeeds("2024_01_15_120000_a")
	op.Delivery = store.Transactional
	op.Run = func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).ExecContext(ctx, `INSERT INTO effects (name) VALUES ('a')`)
		return err
	}
	op.Rollback = func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).ExecContext(ctx, `DELETE FROM effects`)
		return err
	}
	if err := s.Release(t.Context(), acquire(t, s)); err != nil { // the tables are there now
		t.Fatal(err)
	}
	for _, change := range []string{
		`ALTER TABLE effects ADD COLUMN note text`, `CREATE INDEX by_note ON effects (note)`, `DROP INDEX by_note`, `ALTER TABLE effects DROP COLUMN note`,
		`ALTER TABLE seq_ops ADD COLUMN note text`, `ALTER TABLE seq_attempts ADD COLUMN note text`, `ANALYZE`, `VACUUM`,
	} {
		query(t, s.DB(), change)
		if _, err := seq.New(s, op).Run(t.Context()); err != nil || count(t, s) != 1 {
			t.Fatalf("after %s: %v", change, err)
		}
		if _, err := seq.New(s, op).Rollback(t.Context()); err != nil || count(t, s) != 0 {
			t.Fatalf("back, after %s: %v", change, err)
		}
	}
}
