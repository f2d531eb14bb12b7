package step

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// progress is what is known of a script that runs in no transaction, saved after each statement.
type progress struct {
	Key   string // of the attempts it belongs to
	Done  int    // statements
	Begun int    // the statement that was begun last, if it would say so were it done twice
	Index string // that the next statement builds, and that was not there before
}

// apart runs a script in no transaction, on a connection of its own.
func (s *Script) apart(ctx context.Context) error {
	return Apart(ctx, func(conn bun.Conn) error {
		r, err := Resume(ctx, conn, s)
		if err != nil {
			return err
		}
		for _, stmt := range s.Statements {
			if _, err := r.Exec(ctx, stmt); err != nil {
				return err
			}
		}
		return nil
	})
}

// A Resumption executes a script statement by statement. Where an earlier attempt got stuck, it goes
// on with the statement that the attempt did not see the end of.
type Resumption struct {
	script *Script
	conn   bun.Conn
	saved  progress
	next   int
	open   bool // a transaction of the script's own: until it ends, nothing is done
}

// Resume reads how far earlier attempts at the op came. The script may be nil: then there is only
// something to know, and nothing to execute.
func Resume(ctx context.Context, conn bun.Conn, s *Script) (*Resumption, error) {
	r := &Resumption{script: s, conn: conn}
	if _, err := seq.Saved(ctx, &r.saved); err != nil {
		return nil, err
	}
	if key := seq.IdempotencyKey(ctx); r.saved.Key != key {
		r.saved = progress{Key: key}
	}
	return r, nil
}

// Started reports whether an earlier attempt finished a statement, or, of a function, everything.
func (r *Resumption) Started() bool { return r.saved.Done > 0 }

// Finish notes that all is done, for what has no statements.
func (r *Resumption) Finish(ctx context.Context) error {
	r.saved.Done++
	return seq.Save(ctx, r.saved)
}

// Exec executes the next statement, unless it is done already. It reports false, and does nothing,
// if the query is not the next statement of the script.
func (r *Resumption) Exec(ctx context.Context, query string) (mine bool, err error) {
	if r.next >= len(r.script.Statements) || r.script.Statements[r.next] != query {
		return false, nil
	}
	r.next++
	if r.next <= r.saved.Done {
		return true, nil
	}
	words := bare(query)
	r.open = r.open || opens.MatchString(words)
	if r.open {
		_, err = r.conn.ExecContext(ctx, query)
	} else {
		err = r.exec(ctx, query, words)
	}
	if err != nil {
		if n := len(r.script.Statements); n > 1 {
			err = fmt.Errorf("statement %d of %d: %w", r.next, n, err)
		}
		return true, err
	}
	if r.open = r.open && !closes.MatchString(words); r.open {
		return true, nil
	}
	r.saved.Done, r.saved.Begun, r.saved.Index = r.next, 0, ""
	return true, seq.Save(ctx, r.saved)
}

// exec executes one statement. Of one that changes the schema it is noted before that it begins: if
// nobody sees its end, the next attempt executes it again, and that the change is there already then
// means that it is done. Only what an error says of the statement itself takes the note back.
func (r *Resumption) exec(ctx context.Context, query, words string) error {
	if !changes.MatchString(words) || building(query) != nil {
		return r.saved.exec(ctx, r.conn, query)
	}
	doubt := r.saved.Begun == r.next
	if !doubt {
		r.saved.Begun = r.next
		if err := seq.Save(ctx, r.saved); err != nil {
			return err
		}
	}
	_, err := r.conn.ExecContext(ctx, query)
	switch {
	case doubt && made(words, err):
		return nil
	case err != nil && refused(ctx, err):
		r.saved.Begun = 0
		return errors.Join(err, seq.Save(ctx, r.saved))
	}
	return err
}

// Apart calls fn with a connection that no transaction is open on, and that nobody uses afterwards
// if fn may have changed its settings.
func Apart(ctx context.Context, fn func(bun.Conn) error) (err error) {
	db, ok := bunstore.DB(ctx).(*bun.DB)
	if !ok {
		return fmt.Errorf("a script without transaction: %w", bunstore.ErrNoTx)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	if db.Dialect().Name() == dialect.SQLite {
		// A database in memory may live in this one connection.
		var foreign int
		if err := conn.QueryRowContext(ctx, `PRAGMA foreign_keys`).Scan(&foreign); err != nil {
			return errors.Join(err, conn.Close())
		}
		defer func() {
			after := context.WithoutCancel(ctx)
			_, _ = conn.ExecContext(after, `ROLLBACK`) // of a script that began a transaction and failed
			_, ferr := conn.ExecContext(after, fmt.Sprintf(`PRAGMA foreign_keys = %d`, foreign))
			err = errors.Join(err, ferr, conn.Close())
		}()
	} else {
		defer func() {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it
			_ = conn.Close()
		}()
	}
	return fn(conn)
}

// exec executes a statement. One that builds an index concurrently leaves half an index behind when
// it is broken off, and does not say so when it is done twice; so it is looked after.
func (p *progress) exec(ctx context.Context, conn bun.Conn, stmt string) error {
	b := building(stmt)
	if conn.Dialect().Name() != dialect.PG || b == nil {
		_, err := conn.ExecContext(ctx, stmt)
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
	_, err = conn.ExecContext(ctx, stmt)
	return err
}
