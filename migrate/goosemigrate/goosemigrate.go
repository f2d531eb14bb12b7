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
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/internal/step"
	"github.com/sequencer-go/seq/migrate/internal/tunnel"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Ops makes one op of each migration of goose.NewProvider(dialect, db, fsys, opts...), with the ID
// and the checksum that migrate.Files gives the file: that is the whole change for who has such a
// provider. The database is the one of the run, so none is asked for; fsys may be nil if all
// migrations are in Go. goose reads the SQL files now, and again when they run.
//
// A migration is Transactional if the database allows: what it does, its row in goose's table, and its
// record are one commit. A function that takes a *sql.Tx gets one on that transaction, in which it may
// also prepare statements, and execute while it reads. SQL with NO TRANSACTION, or that the database
// refuses in a transaction, is Repeatable, and so is a function that takes a *sql.DB: it gets a pool
// whose connections are closed afterwards, and the store's pool must have three or more. A migration that
// goose's table has already and the ledger has not fails: adopt it first, with migrate.FromGoose.
//
// goose executes the first SQL migration of a run and those without a transaction. The others need of
// goose only its row, and are executed without it, unless the options have a locker, or have goose log.
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
	c := &collection{dialect: dialect, fsys: fsys, opts: opts}
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
	var reader *reader
	if fsys != nil {
		if reader, err = newReader(dialect, fsys); err != nil {
			return nil, fmt.Errorf("goosemigrate.Ops: %w", err)
		}
		defer reader.close()
	}
	for _, src := range p.ListSources() {
		m := &migration{collection: c, version: src.Version, alone: without[src.Version]}
		if src.Type == goose.TypeSQL {
			err = m.read(reader, src.Path)
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
	step.InOrder(ops)
	return migrate.Guard(ops, migrate.FromGoose("")), errors.Join(errs...)
}

// collection is what a provider is made of. Each call makes its own, because a provider remembers
// that it made its table, also when the transaction it did so in was undone.
type collection struct {
	dialect goose.Dialect
	fsys    fs.FS
	opts    []goose.ProviderOption

	learned bool
	table   *table // nil if goose has to be called for each step
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
	op = seq.Op{Kind: seq.Migration, Alias: strings.TrimSuffix(path.Base(file), path.Ext(file))}
	if file == "" {
		op.Alias = version
	}
	step.Promise(&op, m.up, m.down)
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
		step.Apart(&op, "a function takes a *sql.DB")
		op.Connections = functionConns
	}
	op.Run = m.call(m.up, true)
	if !m.final {
		op.Rollback = m.call(m.down, false)
	}
	return op, nil
}

// functionConns is what a function that takes a *sql.DB holds: goose keeps one connection for itself.
const functionConns = 2

// call is the Run or the Rollback of an op.
func (m *migration) call(script *step.Script, up bool) func(context.Context) error {
	return func(ctx context.Context) error {
		switch {
		case bunstore.InTx(ctx):
			return step.Within(ctx, script, func(tx bun.Tx) error {
				if m.table != nil && script != nil {
					return m.send(ctx, tx, script, up)
				}
				t := tunnel.Open(tx, script.Inside(tx))
				defer func() { _ = t.Close() }()
				return m.apply(ctx, t.DB, up, false)
			})
		case script == nil:
			return step.OnPool(ctx, functionConns, tunnel.Lend, func(db *sql.DB, r *step.Resumption) error {
				// goose writes its row at the end: where it is there, the attempt that called got so far.
				called := r.Called()
				if err := r.Call(ctx, true); err != nil {
					return err
				}
				err := m.apply(ctx, db, up, called)
				if errors.Is(err, goose.ErrAlreadyApplied) {
					err = errors.Join(err, r.Call(ctx, false))
				}
				return err
			})
		}
		return script.OnOwn(ctx, func(conn bun.Conn) error {
			resumed, err := step.Resume(ctx, conn, script)
			if err != nil {
				return err
			}
			t := tunnel.OpenConn(conn, resumed.Exec)
			defer func() { _ = t.Close() }()
			return m.apply(ctx, t.DB, up, resumed.Started())
		})
	}
}

// send does without goose what goose would do, but for the first step of a session, at which goose makes
// its table if that is missing.
func (m *migration) send(ctx context.Context, tx bun.Tx, script *step.Script, up bool) error {
	known := m.table.known(ctx)
	switch {
	case known == nil:
		t := tunnel.Open(tx, script.Inside(tx))
		err := m.apply(ctx, t.DB, up, false)
		if err = errors.Join(err, t.Close()); err != nil {
			return err
		}
		if err := bunstore.Reset(ctx); err != nil {
			return err
		}
		return m.table.read(ctx, tx)
	case up && known[m.version]:
		return notAdopted(fmt.Errorf("version %d: %w", m.version, goose.ErrAlreadyApplied))
	case !up && !known[m.version]:
		return fmt.Errorf("version %d: %w", m.version, goose.ErrNotApplied)
	}
	if err := script.Send(ctx, tx, m.table.row(m.version, up)); err != nil {
		return err
	}
	known[m.version] = up
	return nil
}

func notAdopted(err error) error {
	return fmt.Errorf("goose's table says that it has been applied, and the ledger does not know of it; adopt what goose has done first (migrate.Adopt with migrate.FromGoose): %w", err)
}

// apply has goose do one version on db.
func (m *migration) apply(ctx context.Context, db *sql.DB, up, again bool) error {
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
		return notAdopted(err)
	case errors.As(err, &partial):
		return partial.Err
	}
	return err
}
