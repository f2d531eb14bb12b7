package bunstore

import (
	"context"
	"database/sql"
	"strconv"
	"sync"

	"github.com/uptrace/bun"
)

// Preparing lets the store hand the values of a few statements, those that a run makes over and over,
// to a driver that then prepares and remembers them; a database spends most of its work on such a
// statement on reading and planning it. Otherwise values are part of the text.
type Preparing struct {
	// Ask is what a query is given in front of its values so that the driver prepares it.
	Ask []any
	// Session is the number that a connection of the driver got from the server for its session, 0 if
	// it got none. If set, the store prepares only if the server calls the session the same when it
	// is asked: a pooler in between, which may change it at any time, does not tell the true one.
	Session func(driverConn any) uint32
}

// Prepare is an option for those who open databases for others, as packages store/postgres and
// store/sqlite do.
func Prepare(p Preparing) Option { return func(o *options) { o.preparing = &p } }

// preparing is what a store knows of its database's prepared statements.
type preparing struct {
	how *Preparing // nil: there are none

	mu         sync.Mutex
	known, may bool

	texts sync.Map // by what they were made from
}

// learn finds out, the first time, whether statements can be prepared. It needs a connection, so the
// caller must hold none.
func (p *preparing) learn(ctx context.Context, s *Store) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known || p.how == nil {
		return
	}
	if may, err := p.direct(ctx, s); err == nil {
		p.known, p.may = true, may
	}
}

// allowed reports whether statements can be prepared, for all that is known.
func (p *preparing) allowed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.may
}

// direct reports whether the server knows the session by the number that the connection was given.
func (p *preparing) direct(ctx context.Context, s *Store) (bool, error) {
	if p.how.Session == nil {
		return true, nil
	}
	conn, err := s.db.DB.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	var given, now uint32
	if err := conn.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&now); err != nil {
		return false, err
	}
	err = conn.Raw(func(driverConn any) error {
		given = p.how.Session(driverConn)
		return nil
	})
	return given == now, err
}

// lost reports whether err says that a prepared statement is not there. Such a statement has had no
// effect, and the store prepares none any more. Several that are on their way may be lost at once.
func (p *preparing) lost(err error) bool {
	switch sqlState(err) {
	case "26000", "42P05", "0A000": // not there, there already, another result than once
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known, p.may = true, false
		return p.how != nil
	default:
		return false
	}
}

// often is a statement on its way to the database, whose values may be passed beside its text.
type often struct {
	store  *Store
	beside bool
	values []any
}

// often begins a statement that is made over and over if it is one of few texts.
func (s *Store) often(few bool) *often {
	o := &often{store: s, beside: few && s.preparing.allowed()}
	if o.beside {
		o.values = append(make([]any, 0, 32), s.preparing.how.Ask...)
	}
	return o
}

// put is what stands for a value in the text.
func (o *often) put(v any) any {
	if !o.beside {
		return v
	}
	cast := "::bigint"
	switch b := v.(type) {
	case []byte:
		cast = "::bytea"
		if b == nil {
			v = nil // NULL
		}
	case bool:
		cast = "::boolean"
	case string:
		cast = "::text"
	}
	o.values = append(o.values, v)
	place := strconv.Itoa(len(o.values) - len(o.store.preparing.how.Ask))
	if o.store.dialect.oneWriter {
		return bun.Safe("?" + place)
	}
	return bun.Safe("$" + place + cast)
}

// all puts several.
func (o *often) all(values ...any) []any {
	for i, v := range values {
		values[i] = o.put(v)
	}
	return values
}

// scan runs the statement and calls each with every row of its answer. What stands for its values is
// among args.
func (o *often) scan(ctx context.Context, c bun.IConn, each func(*row) error, query string, args ...any) error {
	return o.scanText(ctx, c, each, o.text(query, func() string { return o.store.sql(query, args...) }))
}

// text makes the text of a statement, once for each key if the values are not in it.
func (o *often) text(key any, write func() string) string {
	if !o.beside {
		return write()
	}
	if text, made := o.store.preparing.texts.Load(key); made {
		return text.(string)
	}
	text := write()
	o.store.preparing.texts.Store(key, text)
	return text
}

// scanText is scan for a statement whose text is finished.
func (o *often) scanText(ctx context.Context, c bun.IConn, each func(*row) error, text string) error {
	if !o.beside {
		return o.store.scanText(ctx, c, each, text)
	}
	rows, err := plain(c).QueryContext(ctx, text, o.values...)
	if err != nil {
		return err
	}
	return o.store.readRows(rows, each)
}

// exec is scan for a statement that answers with nothing.
func (o *often) exec(ctx context.Context, c bun.IConn, query string, args ...any) error {
	return o.scan(ctx, c, nil, query, args...)
}

// matches reports whether the statement answers with a row.
func (o *often) matches(ctx context.Context, c bun.IConn, query string, args ...any) (found bool, err error) {
	err = o.scan(ctx, c, func(*row) error { found = true; return nil }, query, args...)
	return found, err
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// plain is a connection without bun, which would write the values into the text.
func plain(c bun.IConn) querier {
	switch c := c.(type) {
	case *transaction:
		return c.Tx.Tx
	case bun.Conn:
		return c.Conn
	case *bun.DB:
		return c.DB
	default:
		return c
	}
}
