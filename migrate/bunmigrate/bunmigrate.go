// Package bunmigrate makes migration steps of the migrations of github.com/uptrace/bun/migrate, in
// SQL and in Go. bun runs them, in the transaction of the step, and its own table is kept as bun
// keeps it, so that one can go back to bun at any time.
package bunmigrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
	"github.com/uptrace/bun/schema"

	"github.com/sequencer-go/seq"
	seqmigrate "github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/internal/bunsql"
	"github.com/sequencer-go/seq/migrate/internal/step"
	"github.com/sequencer-go/seq/migrate/internal/tunnel"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Options adjusts Ops. The zero Options is ready to use.
type Options struct {
	// Migrator is what migrate.NewMigrator is called with: table names, template data, hooks.
	Migrator []migrate.MigratorOption
	// NoTransaction names migrations in Go, by version, that must not run in a transaction, because they
	// reach for the driver's connection or must not be called twice. In SQL ones it shows.
	NoTransaction []string
}

// Ops makes one op of each migration, with the ID that migrate.Files gives the file: version and
// comment. bun reads the SQL files and fills their templates now, and again when they run.
//
// A migration is Transactional if the database allows, whatever bun would do: what it does, its row in
// bun's table, and its record are one commit. A function gets a *bun.DB whose queries all go to that
// transaction: what it begins is a savepoint, and so is each statement on Postgres, so that it may go on
// after one that failed; it may execute while it reads, and from several goroutines. If it does what does
// not work in a transaction, it is called again, without one and with a pool of its own, also if it
// ignored the error; so a function may be called twice. A SQL migration that cannot run in a
// transaction, and a function in NoTransaction, is Repeatable and marked in bun's table once it has
// succeeded. No function is called before it runs. A migration that bun's table has already and the
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
	step.InOrder(ops)
	return seqmigrate.Guard(ops, seqmigrate.FromBun("")), errors.Join(errs...)
}

// op makes the op of one migration.
func (o *Options) op(all *migrate.Migrations, m migrate.Migration) (op seq.Op, err error) {
	op = seq.Op{Kind: seq.Migration, Alias: strings.TrimSuffix(m.String(), "_")}
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
	step.Promise(&op, up, down)
	if slices.Contains(o.NoTransaction, m.Name) {
		step.Apart(&op, "it is named in Options.NoTransaction")
	}
	op.Run = o.call(all, m, up, func(ctx context.Context, by *migrate.Migrator) error { return m.Up(ctx, by, &m) }, true)
	if m.Down != nil && (down == nil || !down.Nothing()) {
		op.Rollback = o.call(all, m, down, func(ctx context.Context, by *migrate.Migrator) error { return m.Down(ctx, by, &m) }, false)
	}
	return op, nil
}

// call is the Run or the Rollback of an op. script is nil for a function.
func (o *Options) call(all *migrate.Migrations, m migrate.Migration, script *step.Script, run func(context.Context, *migrate.Migrator) error, up bool) func(context.Context) error {
	return func(ctx context.Context) error {
		on := func(db *sql.DB, dialect schema.Dialect) *row {
			return &row{migrate.NewMigrator(bun.NewDB(db, dialect), all, o.Migrator...), m, up}
		}
		switch {
		case bunstore.InTx(ctx):
			return step.Within(ctx, script, func(tx bun.Tx) error { return o.within(ctx, tx, script, on, run) })
		case script == nil:
			return step.OnPool(ctx, 1, tunnel.Lend, func(db *sql.DB, r *step.Resumption) error {
				return apart(ctx, on(db, bunstore.DB(ctx).Dialect()), r, run, r.Finish)
			})
		}
		return script.OnOwn(ctx, func(conn bun.Conn) error {
			resumed, err := step.Resume(ctx, conn, script)
			if err != nil {
				return err
			}
			t := tunnel.OpenConn(conn, resumed.Exec)
			defer func() { _ = t.Close() }()
			return apart(ctx, on(t.DB, conn.Dialect()), resumed, run, nil)
		})
	}
}

// within runs one direction of a migration in the op's transaction. A function, which has a pool and no
// transaction under bun, may go on after a statement that failed. If it does what no transaction
// can, also without telling, it is called again without one.
func (o *Options) within(ctx context.Context, tx bun.Tx, script *step.Script, on func(*sql.DB, schema.Dialect) *row, run func(context.Context, *migrate.Migrator) error) error {
	t := tunnel.Open(tx, script.Inside(tx))
	if script == nil {
		_ = t.Close()
		t = tunnel.OpenAsPool(tx)
	}
	defer func() { _ = t.Close() }()
	r := on(t.DB, tx.Dialect())
	if err := r.expect(ctx); err != nil {
		return err
	}
	err := run(ctx, r.by)
	if refused := t.Refused(); refused != nil {
		return fmt.Errorf("%w: %w", seq.ErrNotInTx, refused)
	}
	if err != nil {
		return err
	}
	if err := bunstore.Reset(ctx); err != nil {
		return err
	}
	return r.mark(ctx)
}

// apart runs one direction of a migration in no transaction. finish notes that a function has returned;
// it is nil for a script, which notes each statement.
func apart(ctx context.Context, r *row, resumed *step.Resumption, run func(context.Context, *migrate.Migrator) error, finish func(context.Context) error) error {
	if !resumed.Started() {
		if err := r.expect(ctx); err != nil {
			return err
		}
	}
	if finish == nil || !resumed.Started() {
		if err := run(ctx, r.by); err != nil {
			return err
		}
	}
	if finish != nil && !resumed.Started() {
		if err := finish(ctx); err != nil {
			return err
		}
	}
	return r.mark(ctx)
}
