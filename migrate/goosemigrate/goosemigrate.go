// Package goosemigrate makes migration steps of the migrations that a goose.Provider would run, in
// SQL and in Go. goose runs them, in the transaction of the step, and its own table is kept as goose
// keeps it, so that one can go back to goose at any time.
package goosemigrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/step"
	"github.com/sequencer-go/seq/migrate/internal/tunnel"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Ops makes one op of each migration of goose.NewProvider(dialect, db, fsys, opts...), with the ID
// and the checksum that migrate.Files gives the file: that is the whole change for who has such a
// provider. The database is the one of the run, so none is asked for; fsys may be nil if all
// migrations are in Go. goose reads the SQL files now, and again when they run.
//
// A migration is Transactional: what it does, its row in goose's table, and its record are one
// commit. A function that takes a *sql.Tx gets one on that transaction. SQL with NO TRANSACTION, or
// that the database refuses in a transaction, is Repeatable, and so is a function that takes a
// *sql.DB. A migration that goose's table has already and the ledger has not fails: adopt it first,
// with migrate.FromGoose.
//
// A SQL migration whose Down is missing or empty has no Rollback, and neither has one in Go whose
// down function is nil, where goose does nothing. If opts have a locker, goose does not tell of
// functions: then all have a Rollback, and [NoTransaction] names those that take a *sql.DB.
func Ops(dialect goose.Dialect, fsys fs.FS, opts ...goose.ProviderOption) ([]seq.Op, error) {
	return NoTransaction{}.Ops(dialect, fsys, opts...)
}

// NoTransaction are the versions of migrations in Go that take a *sql.DB, because they cannot run
// in a transaction. It is for who has a locker among the options; else goose says which do.
type NoTransaction []int64

// Ops is like the function [Ops].
func (alone NoTransaction) Ops(dialect goose.Dialect, fsys fs.FS, opts ...goose.ProviderOption) ([]seq.Op, error) {
	c := &collection{dialect, fsys, opts}
	nobody := sql.OpenDB(&step.Recorder{})
	defer func() { _ = nobody.Close() }()
	p, err := c.provider(nobody)
	if err != nil {
		return nil, fmt.Errorf("goosemigrate.Ops: %w", err)
	}
	without := map[int64]bool{}
	for _, v := range alone {
		without[v] = true
	}
	var ops []seq.Op
	var errs []error
	for _, src := range p.ListSources() {
		m := &migration{collection: c, version: src.Version, alone: without[src.Version]}
		if src.Type == goose.TypeSQL {
			err = m.read(src.Path)
		} else {
			run, undo := c.ask(src.Version, true), c.ask(src.Version, false)
			m.alone = m.alone || run.takesDB || undo.takesDB
			m.final = undo.missing
		}
		var op seq.Op
		if err == nil {
			op, err = m.op(src.Path)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("goosemigrate.Ops: %s: %w", src.Path, err))
			err = nil
			continue
		}
		ops = append(ops, op)
	}
	return ops, errors.Join(errs...)
}

// collection is what a provider is made of. Each call makes its own, because a provider remembers
// that it made its table, also when the transaction it did so in was undone.
type collection struct {
	dialect goose.Dialect
	fsys    fs.FS
	opts    []goose.ProviderOption
}

func (c *collection) provider(db *sql.DB) (*goose.Provider, error) {
	return goose.NewProvider(c.dialect, db, c.fsys, c.opts...)
}

// migration is one version of it.
type migration struct {
	*collection
	version  int64
	alone    bool
	final    bool         // there is nothing to undo it with
	up, down *step.Script // nil for a function
}

// op makes the op. The file of a function may be unknown.
func (m *migration) op(file string) (op seq.Op, err error) {
	version, name, _ := strings.Cut(path.Base(file), "_")
	if file == "" || strings.Trim(version, "0123456789") != "" {
		version, name = strconv.FormatInt(m.version, 10), "go"
	}
	name, _, _ = strings.Cut(name, ".")
	op = seq.Op{Kind: seq.Migration, Delivery: step.Delivery(m.up, m.down)}
	if op.ID, err = step.ID(version, name); err != nil {
		return op, err
	}
	if err = errors.Join(m.up.Check(), m.down.Check()); err != nil {
		return op, err
	}
	if m.up != nil {
		op.Checksum = m.up.Checksum()
	}
	if m.alone {
		op.Delivery = seq.Repeatable
	}
	op.Run = m.call(op.Delivery, m.up, true)
	if !m.final {
		op.Rollback = m.call(op.Delivery, m.down, false)
	}
	return op, nil
}

// call is the Run or the Rollback of an op.
func (m *migration) call(delivery seq.Delivery, script *step.Script, up bool) func(context.Context) error {
	if delivery == seq.Transactional {
		return func(ctx context.Context) error {
			tx, ok := bunstore.Tx(ctx).(bun.Tx)
			if !ok {
				return bunstore.ErrNoTx
			}
			return step.Within(ctx, tx, func() error { return m.apply(ctx, tunnel.Open(tx, script.Inside(tx)), up, false) })
		}
	}
	return func(ctx context.Context) error {
		return step.Apart(ctx, func(conn bun.Conn) error {
			resumed, err := step.Resume(ctx, conn, script)
			if err != nil {
				return err
			}
			var takes tunnel.Taker
			if script != nil {
				takes = resumed.Exec
			}
			return m.apply(ctx, tunnel.OpenConn(conn, takes), up, resumed.Started())
		})
	}
}

// apply has goose do one version on db, which it closes.
func (m *migration) apply(ctx context.Context, db *sql.DB, up, again bool) error {
	defer func() { _ = db.Close() }()
	p, err := m.provider(db)
	if err != nil {
		return err
	}
	_, err = p.ApplyVersion(ctx, m.version, up)
	var partial *goose.PartialError
	switch {
	case errors.Is(err, goose.ErrAlreadyApplied) && up && again:
		return nil // the attempt before got as far as that
	case errors.Is(err, goose.ErrNotApplied) && !up && again:
		return nil
	case errors.Is(err, goose.ErrAlreadyApplied):
		return fmt.Errorf("goose's table says that it has been applied, and the ledger does not know of it; adopt what goose has done first (migrate.Adopt with migrate.FromGoose): %w", err)
	case errors.As(err, &partial):
		return advise(partial.Err)
	}
	return err
}

// advise says what to do about what only works outside of a transaction.
func advise(err error) error {
	var state interface{ SQLState() string }
	if errors.As(err, &state) && state.SQLState() == "25001" {
		return fmt.Errorf("%w; name the migration in goosemigrate.NoTransaction", err)
	}
	return err
}
