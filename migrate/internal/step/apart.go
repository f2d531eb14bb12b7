package step

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/dbsession"
	"github.com/sequencer-go/seq/migrate/internal/sqltext"
	"github.com/sequencer-go/seq/store/bunstore"
)

// progress is what is known of a script that runs in no transaction, saved after each statement.
type progress struct {
	Key   string   // of the attempts it belongs to
	Apart bool     // the database refused the script in a transaction, so no attempt tries one again
	Done  int      // statements
	Begun int      // the statement that was begun last, if it would say so were it done twice
	Index string   // that the next statement builds, and that was not there before; or "ON " and its table
	Had   []string `json:",omitempty"` // the indexes of that table before, if the statement names none
}

// saved is what earlier attempts at the op have saved.
func saved(ctx context.Context) (p progress, err error) {
	if _, err := seq.Saved(ctx, &p); err != nil {
		return p, err
	}
	if key := seq.IdempotencyKey(ctx); p.Key != key {
		p = progress{Key: key}
	}
	return p, nil
}

// apart runs a script in no transaction, on a connection of its own.
func (s *Script) apart(ctx context.Context) error {
	return s.OnOwn(ctx, func(conn bun.Conn) error {
		r, err := Resume(ctx, conn, s)
		if err != nil {
			return err
		}
		for i := 0; i < len(r.statements); i++ {
			_, err := r.Exec(ctx, r.statements[i])
			if err != nil && r.sentAsOne() && NeedsNoTx(err) { // nothing of the text was done
				if err = r.oneByOne(ctx); err == nil {
					i = -1
					continue
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// A Resumption executes a script statement by statement. Where an earlier attempt got stuck, it goes
// on with the statement that the attempt did not see the end of.
type Resumption struct {
	script     *Script
	statements []string // as they are sent
	conn       bun.Conn
	dialect    sqltext.Dialect
	saved      progress
	next       int
	own        bool // the script has transactions of its own
	open       bool // one of them is open: until it ends, nothing is done
}

// Resume reads how far earlier attempts at the op came. The script may be nil: then there is only
// something to know, and nothing to execute. An op that promised to be Transactional is here because
// the database refused it in a transaction: that is saved first, and a file that would be sent as one
// text is sent statement by statement, because several of one text are a transaction.
func Resume(ctx context.Context, conn bun.Conn, s *Script) (*Resumption, error) {
	p, err := saved(ctx)
	if err != nil {
		return nil, err
	}
	r := &Resumption{script: s, conn: conn, saved: p}
	refused := seq.RefusedInTx(ctx)
	if s != nil {
		r.dialect = DialectOfConn(conn)
		r.own = s.on(r.dialect).controls > 0
		r.statements = s.apartOn(r.dialect, refused || r.saved.Apart)
	}
	if refused && !r.saved.Apart {
		r.saved.Apart = true
		return r, seq.Save(ctx, r.saved)
	}
	return r, nil
}

// sentAsOne reports whether several statements are sent as one text, which is a transaction.
func (r *Resumption) sentAsOne() bool {
	return len(r.statements) == 1 && !r.saved.Apart && len(r.script.apartOn(r.dialect, true)) > 1
}

// oneByOne begins anew with the statements one by one, and notes that.
func (r *Resumption) oneByOne(ctx context.Context) error {
	r.statements, r.next, r.open = r.script.apartOn(r.dialect, true), 0, false
	r.saved.Apart, r.saved.Begun = true, 0
	return seq.Save(ctx, r.saved)
}

// Started reports whether an earlier attempt finished a statement, or, of a function, everything.
func (r *Resumption) Started() bool { return r.saved.Done > 0 }

// Called reports whether an earlier attempt called the function.
func (r *Resumption) Called() bool { return r.saved.Begun > 0 }

// Call notes that the function is called, or, with false, that it turned out not to be.
func (r *Resumption) Call(ctx context.Context, called bool) error {
	r.saved.Begun = 0
	if called {
		r.saved.Begun = 1
	}
	return seq.Save(ctx, r.saved)
}

// Finish notes that all is done, for what has no statements.
func (r *Resumption) Finish(ctx context.Context) error {
	r.saved.Done++
	return seq.Save(ctx, r.saved)
}

// Exec executes the next statement, unless it is done already. It reports false, and does nothing,
// if the query is not the next statement of the script. After the last one no transaction is open.
func (r *Resumption) Exec(ctx context.Context, query string) (mine bool, err error) {
	if r.next >= len(r.statements) || r.statements[r.next] != query {
		return false, nil
	}
	r.next++
	if r.next <= r.saved.Done {
		if !settles(query, r.dialect) {
			return true, nil
		}
		_, err = r.conn.ExecContext(ctx, "?", bun.Safe(query)) // the session that it was for is gone
		return true, err
	}
	if r.open {
		_, err = r.conn.ExecContext(ctx, "?", bun.Safe(query))
	} else {
		err = r.exec(ctx, query, bare(query, r.dialect))
	}
	if err == nil {
		err = r.look(ctx)
	}
	if err != nil {
		if n := len(r.statements); n > 1 {
			err = fmt.Errorf("statement %d of %d: %w", r.next, n, err)
		}
		return true, err
	}
	if r.open {
		return true, nil
	}
	r.saved.Done, r.saved.Begun, r.saved.Index, r.saved.Had = r.next, 0, "", nil
	return true, seq.Save(ctx, r.saved)
}

// look asks the database whether the script has left a transaction open. One that is open at its end
// is committed where the other tool would commit it; else it is an error, for nobody would.
func (r *Resumption) look(ctx context.Context) (err error) {
	last := r.next == len(r.statements)
	if !r.own && !last {
		return nil
	}
	if r.open, err = dbsession.Open(ctx, r.conn, r.conn.Dialect().Name()); err != nil || !r.open || !last {
		return err
	}
	if !r.script.Tx && !r.script.Whole {
		return errors.New("the script ends with a transaction open, which would be undone; add a COMMIT at its end")
	}
	if _, err := r.conn.ExecContext(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("commit what the script left open: %w", err)
	}
	r.open, err = dbsession.Open(ctx, r.conn, r.conn.Dialect().Name())
	return err
}

// exec executes one statement. Of one that changes the schema it is noted before that it begins: if
// nobody sees its end, the next attempt executes it again, and that the change is there already then
// means that it is done. Only what an error says of the statement itself takes the note back.
func (r *Resumption) exec(ctx context.Context, query, words string) error {
	if !changes.MatchString(words) || building(query, r.dialect) != nil || buildingOn(query, r.dialect) != "" {
		return r.saved.exec(ctx, r.conn, query)
	}
	doubt := r.saved.Begun == r.next
	if !doubt {
		r.saved.Begun = r.next
		if err := seq.Save(ctx, r.saved); err != nil {
			return err
		}
	}
	_, err := r.conn.ExecContext(ctx, "?", bun.Safe(query))
	switch {
	case doubt && made(words, err):
		return nil
	case err != nil && refused(ctx, err):
		r.saved.Begun = 0
		return errors.Join(err, seq.Save(ctx, r.saved))
	}
	return err
}

// OnOwn calls fn with a connection that no transaction is open on, and that nobody uses afterwards: it
// is closed, unless a database in memory may live in it; then it is made what it was before.
//
// A script that sets something for its session is refused behind a pooler that has none for it.
func (s *Script) OnOwn(ctx context.Context, fn func(bun.Conn) error) (err error) {
	db, err := pool(ctx, 1)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	state, err := dbsession.Of(ctx, conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer func() { err = errors.Join(err, state.Discard(ctx, conn)) }()
	if db.Dialect().Name() == dialect.PG && (s.needsSession() || limitsLocks(ctx)) {
		shared, err := dbsession.Shared(ctx, conn, db)
		if err != nil {
			return err
		}
		if shared {
			return errShared
		}
	}
	if err := limitLocks(ctx, conn); err != nil {
		return err
	}
	return fn(conn)
}

var errShared = errors.New("the script runs in no transaction and sets something for its session, and a pooler stands before the database that has another session for each transaction: " +
	"the statements that follow would not have it, and others would; connect to the database itself, or to the pooler in session mode, for migrations")

// needsSession reports whether a script, as Postgres reads it, sets something that is to hold for what
// comes after it.
func (s *Script) needsSession() bool {
	for _, text := range s.Statements {
		for st := range sqltext.Statements(sqltext.Scanner{Text: text}) {
			if setsSession(st, text) {
				return true
			}
		}
	}
	return false
}

func setsSession(st *sqltext.Statement, text string) bool {
	if st.AtOneOf(0, "SET", "RESET", "LISTEN", "LOAD", "DECLARE", "PREPARE") {
		return true
	}
	if i := 1; st.At(0, "CREATE") {
		if st.AtOneOf(i, "GLOBAL", "LOCAL") {
			i++
		}
		if st.AtOneOf(i, "TEMP", "TEMPORARY") {
			return true
		}
	}
	for t := range st.Tokens() {
		if t.Is(text, "SET_CONFIG") || t.Kind == sqltext.Word && strings.Contains(strings.ToLower(text[t.From:t.To]), "advisory") {
			return true
		}
	}
	return false
}

// OnPool calls fn with a pool of connections that no transaction is open on, and how far earlier
// attempts came. The connections are closed afterwards, unless a database in memory may live in one.
func OnPool(ctx context.Context, conns int, lend func(*sql.DB) *sql.DB, fn func(*sql.DB, *Resumption) error) error {
	db, err := pool(ctx, conns)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	state, err := dbsession.Of(ctx, conn)
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	r, err := Resume(ctx, bun.Conn{}, nil)
	if err != nil {
		return err
	}
	if state.Keep() {
		return fn(db.DB, r)
	}
	lent := lend(db.DB)
	defer func() { _ = lent.Close() }()
	return fn(lent, r)
}

// pool is the database of an op that runs in no transaction, and is to hold so many connections at a
// time, beside the one that the ledger needs.
func pool(ctx context.Context, conns int) (*bun.DB, error) {
	db, ok := bunstore.DB(ctx).(*bun.DB)
	if !ok {
		return nil, fmt.Errorf("a migration without transaction: %w", bunstore.ErrNoTx)
	}
	if most := db.Stats().MaxOpenConnections; most > 0 && most <= conns {
		return nil, fmt.Errorf("%w: this migration runs in no transaction and needs %d connections at a time, one of them for the ledger, and the pool has %d; call SetMaxOpenConns(%d) or more on the database",
			seq.ErrPoolTooSmall, conns+1, most, conns+1)
	}
	return db, nil
}

// exec executes a statement. One that builds an index concurrently leaves half an index behind when
// it is broken off, and does not say so when it is done twice; so it is looked after.
func (p *progress) exec(ctx context.Context, conn bun.Conn, stmt string) error {
	if table := buildingOn(stmt, DialectOfConn(conn)); table != "" {
		return p.execOn(ctx, conn, stmt, table)
	}
	b := building(stmt, DialectOfConn(conn))
	if b == nil {
		_, err := conn.ExecContext(ctx, "?", bun.Safe(stmt))
		return err
	}
	state, err := b.look(ctx, conn)
	if err != nil {
		return err
	}
	switch {
	case state == absent || state == invalid && p.Index != b.name:
		p.Index = b.name
		if err := seq.Save(ctx, p); err != nil {
			return err
		}
	case state == valid && p.Index == b.name:
		return nil // the earlier attempt built it
	}
	if state == invalid { // of no use to anybody; its builder, if it lives yet, is waited for
		if _, err := conn.ExecContext(ctx, `DROP INDEX CONCURRENTLY IF EXISTS `+b.name); err != nil {
			return fmt.Errorf("drop the half-built index %s: %w", b.name, err)
		}
	}
	_, err = conn.ExecContext(ctx, "?", bun.Safe(stmt))
	return err
}
