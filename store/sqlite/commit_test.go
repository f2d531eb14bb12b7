package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	driversqlite "modernc.org/sqlite"

	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

var errLost = errors.New("connection lost")

// unsure is a database whose commits can lose their answer.
type unsure struct {
	driver.Connector
	before, after atomic.Bool // lose the connection before, after the next commit takes effect
	down          atomic.Bool // and let nobody connect after that
	covered       func()      // what others do before anybody can ask; nil: nothing
}

func (u *unsure) Connect(ctx context.Context) (driver.Conn, error) {
	if u.down.Load() {
		return nil, errLost
	}
	c, err := u.Connector.Connect(ctx)
	return &unsureConn{c.(conn), u}, err
}

type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type unsureConn struct {
	conn
	u *unsure
}

func (c *unsureConn) ResetSession(context.Context) error {
	if c.u.down.Load() {
		return driver.ErrBadConn
	}
	return nil
}

func (c *unsureConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.BeginTx(ctx, opts)
	return &unsureTx{tx, c.u}, err
}

type unsureTx struct {
	driver.Tx
	u *unsure
}

func (t *unsureTx) Commit() error {
	switch {
	case t.u.before.Swap(false):
		_ = t.Rollback()
		return errLost
	case t.u.after.Swap(false):
		err := t.Tx.Commit()
		if t.u.covered != nil {
			t.u.covered()
		}
		return errors.Join(err, errLost)
	default:
		return t.Tx.Commit()
	}
}

func openUnsure(t *testing.T) (*bunstore.Store, *unsure) {
	t.Helper()
	c, err := driversqlite.NewConnector(filepath.Join(t.TempDir(), "x.db") + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	u := &unsure{Connector: c}
	s := bunstore.New(bun.NewDB(sql.OpenDB(u), sqlitedialect.New()), bunstore.Owned())
	t.Cleanup(func() { _ = s.Close() })
	return s, u
}

func TestACommitWithoutAnAnswer(t *testing.T) {
	ctx := t.Context()
	for name, write := range map[string]func(s *bunstore.Store, lease store.Lease, open store.Claim) error{
		"claim": func(s *bunstore.Store, lease store.Lease, _ store.Claim) error {
			_, err := s.Write(ctx, lease, store.Batch{Claims: []store.Claim{{ID: "b", Attempt: 1, Token: store.NewToken()}}})
			return err
		},
		"outcome": func(s *bunstore.Store, lease store.Lease, open store.Claim) error {
			_, err := s.Write(ctx, lease, done(open))
			return err
		},
		"mark": func(s *bunstore.Store, lease store.Lease, _ store.Claim) error {
			_, err := s.Write(ctx, lease, store.Batch{Marks: []store.Mark{{ID: "b", State: store.Skipped}}})
			return err
		},
		"save": func(s *bunstore.Store, lease store.Lease, open store.Claim) error {
			_, err := s.Write(ctx, lease, store.Batch{Saves: []store.Snapshot{{ID: open.ID, Token: open.Token, Data: []byte("1")}}})
			return err
		},
		"run": func(s *bunstore.Store, lease store.Lease, _ store.Claim) error {
			_, err := s.Write(ctx, lease, store.Batch{Run: &store.Run{ID: "r"}})
			return err
		},
		"op": func(s *bunstore.Store, lease store.Lease, open store.Claim) error {
			_, err := s.Atomic(ctx, lease, open, func(context.Context) (store.Batch, error) { return done(open), nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, u := openUnsure(t)
			lease := acquire(t, s)
			c := claim(t, s, lease, "a")
			u.before.Store(true)
			if err := write(s, lease, c); !errors.Is(err, errLost) || errors.Is(err, store.ErrUnknownOutcome) {
				t.Fatalf("a commit that was lost: %v", err)
			}
			u.after.Store(true)
			if err := write(s, lease, c); err != nil {
				t.Fatalf("a commit whose answer was lost: %v", err)
			}
		})
	}
	t.Run("and nobody to ask", func(t *testing.T) {
		s, u := openUnsure(t)
		lease := acquire(t, s)
		c := claim(t, s, lease, "a")
		_, err := s.Atomic(ctx, lease, c, func(context.Context) (store.Batch, error) {
			u.after.Store(true)
			u.down.Store(true)
			return done(c), nil
		})
		if !errors.Is(err, store.ErrUnknownOutcome) {
			t.Fatalf("got %v, want %v", err, store.ErrUnknownOutcome)
		}
		u.down.Store(false)
		seqtest.AssertState(t, s, "a", store.Succeeded)
	})
}

// A checkpoint leaves little behind: its attempt goes on, and may save what was saved before. Whether
// it was committed is learned all the same.
func TestACheckpointWithoutAnAnswer(t *testing.T) {
	ctx := t.Context()
	s, u := openUnsure(t)
	query(t, s.DB(), `CREATE TABLE effects (name text UNIQUE)`)
	lease := acquire(t, s)
	c := claim(t, s, lease, "a")
	c.Steered = true
	piece := func(name string, before func()) error {
		_, err := s.Atomic(ctx, lease, c, func(ctx context.Context) (store.Batch, error) {
			if err := effect(ctx, name); err != nil {
				return store.Batch{}, err
			}
			before()
			return store.Batch{
				Saves:   []store.Snapshot{{ID: c.ID, Token: c.Token, Data: []byte("the same")}},
				Headway: []store.Headway{{ID: c.ID, Token: c.Token, Done: 1}},
			}, nil
		})
		return err
	}
	wantEffects := func(want int) {
		t.Helper()
		if n := count(t, s); n != want {
			t.Fatalf("%d effects, want %d", n, want)
		}
	}
	if err := piece("first", func() {}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is as much a try as the one before
		if err := piece("lost", func() { u.before.Store(true) }); !errors.Is(err, errLost) || errors.Is(err, store.ErrUnknownOutcome) {
			t.Fatalf("a commit that was lost: %v", err)
		}
		wantEffects(1)
	}
	if err := piece("second", func() { u.after.Store(true) }); err != nil {
		t.Fatalf("a commit whose answer was lost: %v", err)
	}
	wantEffects(2)
	if err := piece("lost", func() { u.before.Store(true) }); !errors.Is(err, errLost) || errors.Is(err, store.ErrUnknownOutcome) {
		t.Fatalf("a commit that was lost: %v", err)
	}
	wantEffects(2)
	if err := piece("third", func() { u.after.Store(true); u.down.Store(true) }); !errors.Is(err, store.ErrUnknownOutcome) {
		t.Fatalf("and nobody to ask: %v, want %v", err, store.ErrUnknownOutcome)
	}
	u.down.Store(false)
	wantEffects(3)
	seqtest.AssertState(t, s, "a", store.Running)

	// Somebody else closed the attempt before it could be looked up: that it left nothing says nothing.
	u.covered = func() {
		u.covered = nil
		other := bunstore.New(s.DB())
		if err := other.Revoke(ctx, lease.Name); err != nil {
			t.Error(err)
		}
		lost := store.Batch{Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: store.Pending, Lost: true}}}
		next := acquire(t, other)
		if refused, err := other.Write(ctx, next, lost); err != nil || refused != nil {
			t.Errorf("refused %v, %v", refused, err)
		}
		again := store.Claim{ID: c.ID, Token: store.NewToken(), Attempt: 2, Generation: 1, Delivery: store.Transactional}
		if refused, err := other.Write(ctx, next, store.Batch{Claims: []store.Claim{again}}); err != nil || refused != nil {
			t.Errorf("refused %v, %v", refused, err)
		}
	}
	if err := piece("fourth", func() { u.after.Store(true) }); !errors.Is(err, store.ErrUnknownOutcome) {
		t.Errorf("and the attempt was closed: %v, want %v", err, store.ErrUnknownOutcome)
	}
	wantEffects(4)
}
