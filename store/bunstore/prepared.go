package bunstore

import (
	"context"
	"sync"
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

	texts sync.Map // by planKey
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
