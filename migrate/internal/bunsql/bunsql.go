// Package bunsql asks bun what is in its migration files, without a database.
package bunsql

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq/migrate/internal/step"
)

// A Direction is Migration.Up or Migration.Down, whose type bun does not export.
type Direction interface {
	~func(ctx context.Context, migrator *migrate.Migrator, migration *migrate.Migration) error
}

var errGo = errors.New("a Go function")

// Script is what bun would send for one direction of a migration, nil if that is a Go function,
// which is not called. bun splits the file and fills its template.
func Script[D Direction](m migrate.Migration, direction D, opts ...migrate.MigratorOption) (*step.Script, error) {
	if !bunsOwn(direction) {
		return nil, nil
	}
	rec := &step.Recorder{}
	pool := sql.OpenDB(rec)
	defer func() { _ = pool.Close() }()
	db := bun.NewDB(pool, sqlitedialect.New())
	// bun calls the hook with what it is going to use: a *bun.DB for a Go function.
	before := migrate.BeforeMigration(func(_ context.Context, db bun.IConn, _ *migrate.Migration) error {
		if _, is := db.(*bun.DB); is {
			return errGo
		}
		return nil
	})
	after := migrate.AfterMigration(nil)
	migrator := migrate.NewMigrator(db, migrate.NewMigrations(), append(slices.Clip(opts), before, after)...)
	err := direction(context.Background(), migrator, &m)
	switch {
	case errors.Is(err, errGo):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &step.Script{Statements: rec.Statements, Tx: rec.Begun}, nil
}

// bunsOwn reports whether a direction is a function that bun itself has made, of a file or of a Go
// function, and not one that somebody added with Migrations.Add. Only bun's ask the hook below before
// they do anything.
func bunsOwn(direction any) bool {
	f := runtime.FuncForPC(reflect.ValueOf(direction).Pointer())
	return f != nil && strings.HasPrefix(f.Name(), reflect.TypeFor[migrate.Migration]().PkgPath()+".")
}
