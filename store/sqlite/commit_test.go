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
		return errors.Join(t.Tx.Commit(), errLost)
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
