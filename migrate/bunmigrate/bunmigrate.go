// Package bunmigrate makes migration steps of the migrations of github.com/uptrace/bun/migrate, in
// SQL and in Go. bun runs them, in the transaction of the step, and its own table is kept as bun
// keeps it, so that one can go back to bun at any time.
package bunmigrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/bunsql"
	"github.com/sequencer-go/seq/migrate/internal/step"
	"github.com/sequencer-go/seq/migrate/internal/tunnel"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Options adjusts Ops. The zero Options is ready to use.
type Options struct {
	// Migrator is what migrate.NewMigrator is called with: table names, template data, hooks.
	Migrator []migrate.MigratorOption
	// NoTransaction names migrations in Go, by version, that must not run in a transaction. In SQL
	// ones it shows.
	NoTransaction []string
}

// Ops makes one op of each migration, with the ID that migrate.Files gives the file: version and
// comment. bun reads the SQL files and fills their templates now, and again when they run.
//
// A migration is Transactional, whatever bun would do: what it does, its row in bun's table, and its
// record are one commit. A function gets a *bun.DB whose queries all go to that transaction, and
// which it must not use from two goroutines at a time; what it begins is a savepoint. A SQL
// migration that cannot run in a transaction, and a function in NoTransaction, is Repeatable and
// marked in bun's table once it has succeeded. A migration that bun's table has already and the
// ledger has not fails: adopt it first, with migrate.FromBun.
//
// A migration without down file has no Rollback; of a function that was registered with a nil down
// this cannot be seen, and its Rollback fails.
func Ops(migrations *migrate.Migrations, opts ...Options) ([]seq.Op, error) {
	var o Options
	for _, given := range opts {
		o = given
	}
	if migrations == nil {
		return nil, errors.New("bunmigrate.Ops: the migrations are nil")
	}
	var ops []seq.Op
	var errs []error
	seen := map[string]bool{}
	for _, m := range migrations.Sorted() {
		op, err := o.op(migrations, m)
		if err == nil && seen[m.Name] {
			err = errors.New("registered twice")
		}
		seen[m.Name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("bunmigrate.Ops: %s: %w", m, err))
			continue
		}
		ops = append(ops, op)
	}
	for _, name := range o.NoTransaction {
		if !seen[name] {
			errs = append(errs, fmt.Errorf("bunmigrate.Ops: NoTransaction: there is no migration %s", name))
		}
	}
	return ops, errors.Join(errs...)
}

// op makes the op of one migration.
func (o *Options) op(all *migrate.Migrations, m migrate.Migration) (op seq.Op, err error) {
	op = seq.Op{Kind: seq.Migration}
	if op.ID, err = step.ID(m.Name, m.Comment); err != nil {
		return op, err
	}
	if m.Up == nil {
		return op, errors.New("it has no up step")
	}
	up, err := bunsql.Script(m, m.Up, o.Migrator...)
	if err != nil {
		return op, err
	}
	var down *step.Script
	if m.Down != nil {
		if down, err = bunsql.Script(m, m.Down, o.Migrator...); err != nil {
			return op, err
		}
	}
	if err := errors.Join(up.Check(), down.Check()); err != nil {
		return op, err
	}
	if up != nil {
		op.Checksum = up.Checksum()
	}
	op.Delivery = step.Delivery(up, down)
	if slices.Contains(o.NoTransaction, m.Name) {
		op.Delivery = seq.Repeatable
	}
	op.Run = o.call(op.Delivery, all, m, up, func(ctx context.Context, by *migrate.Migrator) error { return m.Up(ctx, by, &m) }, true)
	if m.Down != nil && (down == nil || len(down.Statements) > 0) {
		op.Rollback = o.call(op.Delivery, all, m, down, func(ctx context.Context, by *migrate.Migrator) error { return m.Down(ctx, by, &m) }, false)
	}
	return op, nil
}

// call is the Run or the Rollback of an op. script is nil for a function.
func (o *Options) call(delivery seq.Delivery, all *migrate.Migrations, m migrate.Migration, script *step.Script, run func(context.Context, *migrate.Migrator) error, up bool) func(context.Context) error {
	if delivery == seq.Transactional {
		return func(ctx context.Context) error {
			tx, ok := bunstore.Tx(ctx).(bun.Tx)
			if !ok {
				return bunstore.ErrNoTx
			}
			pool := tunnel.Open(tx, script.Inside(tx))
			defer func() { _ = pool.Close() }()
			r := row{migrate.NewMigrator(bun.NewDB(pool, tx.Dialect()), all, o.Migrator...), m, up}
			if err := r.expect(ctx); err != nil {
				return err
			}
			if err := step.Within(ctx, tx, func() error { return run(ctx, r.by) }); err != nil {
				return advise(err)
			}
			return r.mark(ctx)
		}
	}
	return func(ctx context.Context) error {
		return step.Apart(ctx, func(conn bun.Conn) error {
			resumed, err := step.Resume(ctx, conn, script)
			if err != nil {
				return err
			}
			db, _ := bunstore.DB(ctx).(*bun.DB) // Apart has seen to that
			if script != nil {
				pool := tunnel.OpenConn(conn, resumed.Exec)
				defer func() { _ = pool.Close() }()
				db = bun.NewDB(pool, conn.Dialect())
			}
			r := row{migrate.NewMigrator(db, all, o.Migrator...), m, up}
			if !resumed.Started() {
				if err := r.expect(ctx); err != nil {
					return err
				}
			}
			if script != nil || !resumed.Started() {
				if err := run(ctx, r.by); err != nil {
					return err
				}
			}
			if script == nil && !resumed.Started() {
				if err := resumed.Finish(ctx); err != nil {
					return err
				}
			}
			return r.mark(ctx)
		})
	}
}

// advise says what to do about what only works outside of a transaction.
func advise(err error) error {
	var state interface{ SQLState() string }
	if errors.As(err, &state) && state.SQLState() == "25001" {
		return fmt.Errorf("%w; name the migration in Options.NoTransaction", err)
	}
	return err
}
