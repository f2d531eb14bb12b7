// Package dbsession keeps what a migration does to its database session from those who use the
// connection afterwards, on PostgreSQL and SQLite.
package dbsession

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// A State is what a session was like before the first migration used it.
type State struct {
	postgres *postgres // nil on SQLite
	sqlite   *sqlite   // nil on PostgreSQL
}

// Of reads the state of a session that is in no transaction.
func Of(ctx context.Context, conn bun.Conn) (*State, error) {
	var s State
	var err error
	switch name := conn.Dialect().Name(); name {
	case dialect.PG:
		s.postgres, err = postgresOf(ctx, conn)
	case dialect.SQLite:
		s.sqlite, err = sqliteOf(ctx, conn)
	default:
		err = fmt.Errorf("no migrations on %s, only on PostgreSQL and SQLite", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the session's settings: %w", err)
	}
	return &s, nil
}

// Keep reports whether the connection must not be closed, because a database in memory may end with
// it.
func (s *State) Keep() bool { return s.sqlite != nil && s.sqlite.memory }

// Within gives the session back its role and its settings, in the transaction of the migration, so
// that what follows in it, as the record of the step, does not see what the script set. It reports
// whether the session is left with something else, such as a temporary table, that it should not
// have. On SQLite it does nothing: see [State.After].
func (s *State) Within(ctx context.Context, tx bun.IConn) (left bool, err error) {
	if s.postgres == nil {
		return false, nil
	}
	res, err := tx.ExecContext(ctx, "?", bun.Safe(s.postgres.text("", false)))
	if err != nil {
		return true, fmt.Errorf("reset the session: %w", err)
	}
	return Left(res), nil
}

// Text is what Within executes, for those who send it with the last statement of a script, which saves
// a round trip; "" on SQLite. extra is executed after the reset, and may be "". plain says that the
// script shows nothing of statements that it prepares and locks that it takes.
func (s *State) Text(extra string, plain bool) string {
	if s.postgres == nil {
		return ""
	}
	return s.postgres.text(extra, plain)
}

// Left is the answer of [State.Text], that of its last statement.
func Left(res sql.Result) bool {
	n, err := res.RowsAffected()
	return n != 0 || err != nil
}

// A Migration is the session of a migration that runs in a transaction.
type Migration interface {
	// ResetText is [State.Text].
	ResetText(extra string, plain bool) string
	// WasReset says that the text was executed, so that nobody does it again.
	WasReset(res sql.Result)
	// Memo is what is known of the database as it is in this session's transaction. It ends with the
	// session, and so, at the latest, with the run, or when a migration fails.
	Memo() *sync.Map
}

type key struct{}

// With is a context whose migration has this session.
func With(ctx context.Context, m Migration) context.Context { return context.WithValue(ctx, key{}, m) }

// In is the session of the migration that ctx belongs to, nil if there is none.
func In(ctx context.Context) Migration {
	m, _ := ctx.Value(key{}).(Migration)
	return m
}

// After reports whether a session on SQLite, in no transaction, is what it was before. On PostgreSQL
// [State.Within] has the answer, and this is true.
func (s *State) After(ctx context.Context, conn bun.Conn) bool {
	return s.sqlite == nil || s.sqlite.same(ctx, conn)
}

// Discard ends the use of a session: it closes the connection, or, if that must be kept, makes it as
// it was and gives it to the pool. A transaction that is open ends with nothing.
//
// On PostgreSQL the session is emptied first, because a pooler may lead others to it. That is tried for a
// second at most, for the server ends the session anyway if there is no pooler.
func (s *State) Discard(ctx context.Context, conn bun.Conn) error {
	if !s.Keep() {
		if s.postgres != nil {
			try, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if _, err := conn.ExecContext(try, `DISCARD ALL`); sqlState(err) != "" { // in a transaction
				_, _ = conn.ExecContext(try, `ROLLBACK`)
				_, _ = conn.ExecContext(try, `DISCARD ALL`)
			}
		}
		Close(conn)
		return nil
	}
	err := s.sqlite.restore(context.WithoutCancel(ctx), conn)
	if err != nil {
		err = fmt.Errorf("restore the session: %w", err)
		Close(conn)
		return err
	}
	return conn.Close()
}

// Close closes a connection of a pool instead of giving it back.
func Close(conn bun.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

// Open reports whether a transaction is open on a connection, by a statement that leaves the server's
// log as it is. In one that has failed it fails.
func Open(ctx context.Context, conn bun.IConn, name dialect.Name) (bool, error) {
	if name == dialect.SQLite {
		if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
			if nested(err) {
				return true, nil
			}
			return false, err
		}
		_, err := conn.ExecContext(ctx, `ROLLBACK`)
		return false, err
	}
	// A statement by itself is a transaction that begins with it. That holds only for what drivers send
	// as one message, as they do what is executed without arguments, and not queried.
	res, err := conn.ExecContext(ctx, `SELECT 1 WHERE pg_catalog.now() <> pg_catalog.statement_timestamp()`)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Shared reports whether a connection of PostgreSQL and those of a pool lead to the same session, while
// the connection is in no transaction: then a pooler stands in between that chooses a session for each
// transaction. It may be that it chose others by chance.
func Shared(ctx context.Context, conn, pool bun.IConn) (bool, error) {
	var here, there int64
	for _, one := range []struct {
		by  bun.IConn
		pid *int64
	}{{conn, &here}, {pool, &there}} {
		if err := one.by.QueryRowContext(ctx, `SELECT pg_catalog.pg_backend_pid()`).Scan(one.pid); err != nil {
			return false, err
		}
	}
	return here == there, nil
}
