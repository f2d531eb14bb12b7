// Migrations takes the SQL files of a service that has changed its tool twice, from golang-migrate
// to goose to bun, and puts its operations between them. The first release was migrated by
// golang-migrate itself; what that has done is adopted, and does not run again.
//
//	go run ./examples/migrations                     # on the SQLite file seq-migrations.db
//	go run ./examples/migrations -dsn postgres://…   # on Postgres
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store/bunstore"
)

//go:embed golang-migrate goose bun
var files embed.FS

type Book struct {
	bun.BaseModel `bun:"table:migrations_books"`

	ID int64 `bun:",pk"`
}

type Author struct {
	bun.BaseModel `bun:"table:migrations_authors"`

	ID int64 `bun:",pk"`
}

// Version is the table of golang-migrate, under a name of this example's own.
type Version struct {
	bun.BaseModel `bun:"table:migrations_versions"`

	Version int64 `bun:",pk"`
	Dirty   bool  `bun:",notnull"`
}

const fillAuthors = "2024_03_01_100000_fill_authors"

var operations = []seq.Op{
	{
		ID:        "2024_02_01_120000_import_books",
		DependsOn: []string{"1970_01_01_000002_add_authors"},
		Delivery:  seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, `INSERT INTO migrations_books (id, title, author)
				VALUES (1, 'Notes', 'Ada'), (2, 'Sketch', 'Ada'), (3, 'Numbers', 'Alan')`)
			return err
		},
	},
	{
		ID:       fillAuthors,
		Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, `
				INSERT INTO migrations_authors SELECT min(id), author FROM migrations_books GROUP BY author;
				UPDATE migrations_books SET author_id = (SELECT a.id FROM migrations_authors AS a WHERE a.name = author)`)
			return err
		},
	},
}

func main() { demo.Main("migrations", run, (*Book)(nil), (*Author)(nil), (*Version)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	if err := asItWas(ctx, store.DB()); err != nil {
		return err
	}
	ops := operations
	for _, folder := range []string{"golang-migrate", "goose", "bun"} {
		fsys, err := fs.Sub(files, folder)
		if err != nil {
			return err
		}
		steps, err := migrate.Files(fsys)
		if err != nil {
			return err
		}
		for i := range steps {
			if steps[i].ID == "20240601090000_drop_author" { // not before everything is copied
				steps[i].DependsOn = []string{fillAuthors}
			}
		}
		ops = append(ops, steps...)
	}
	sequencer := seq.New(store, ops...).Use(seq.Drift{Changed: seq.Fail})

	adopted, err := migrate.Adopt(ctx, sequencer, store.DB(), migrate.FromGolangMigrate("migrations_versions"))
	if err != nil {
		return err
	}
	fmt.Print(adopted)
	plan, err := sequencer.Preview(ctx)
	if err != nil {
		return err
	}
	fmt.Print(plan)
	report, err := sequencer.Run(ctx)
	fmt.Print(report)
	if err != nil {
		return err
	}
	return errors.Join(
		demo.Expect("books", 3)(demo.Int(ctx, store.DB().NewSelect().Table("migrations_books").ColumnExpr("count(*)"))),
		demo.Expect("books of author 1", 2)(demo.Int(ctx, store.DB().NewSelect().Table("migrations_books").ColumnExpr("count(*)").Where("author_id = 1"))),
		demo.Expect("authors", 2)(demo.Int(ctx, store.DB().NewSelect().Table("migrations_authors").ColumnExpr("count(*)"))),
	)
}

// asItWas leaves the database as golang-migrate did in the first release: with its first file
// applied, and its table.
func asItWas(ctx context.Context, db *bun.DB) error {
	tables, err := demo.Tables(ctx, db)
	if err != nil {
		return err
	}
	if slices.Contains(tables, "migrations_versions") {
		return nil
	}
	first, err := files.ReadFile("golang-migrate/000001_create_books.up.sql")
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, string(first)); err != nil {
		return err
	}
	if _, err := db.NewCreateTable().Model((*Version)(nil)).Exec(ctx); err != nil {
		return err
	}
	_, err = db.NewInsert().Model(&Version{Version: 1}).Exec(ctx)
	return err
}
