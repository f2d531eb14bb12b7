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
	Index string // that the next statement builds, and that was not there before
}

// apart runs a script in no transaction, on a connection of its own. Where an earlier attempt got
// stuck, it goes on with the statement that the attempt did not see the end of.
func (s *Script) apart(ctx context.Context) error {
	return Apart(ctx, func(conn bun.Conn) error {
		var p progress
		if _, err := seq.Saved(ctx, &p); err != nil {
			return err
		}
		if key := seq.IdempotencyKey(ctx); p.Key != key {
			p = progress{Key: key}
		}
		for p.Done < len(s.Statements) {
			stmt := s.Statements[p.Done]
			if err := p.exec(ctx, conn, stmt); err != nil {
				if len(s.Statements) > 1 {
					return fmt.Errorf("statement %d of %d: %w", p.Done+1, len(s.Statements), err)
				}
				return err
			}
			p.Done, p.Index = p.Done+1, ""
			if err := seq.Save(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
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
