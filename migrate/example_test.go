package migrate_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store/sqlite"
)

var shop = fstest.MapFS{ // os.DirFS("migrations") in a program
	"000001_create_accounts.up.sql":   {Data: []byte("CREATE TABLE accounts (id integer PRIMARY KEY)")},
	"000001_create_accounts.down.sql": {Data: []byte("DROP TABLE accounts")},
	"000002_add_plan.up.sql":          {Data: []byte("ALTER TABLE accounts ADD COLUMN plan text")},
}

// The files of golang-migrate as steps.
func ExampleFiles() {
	ops, err := migrate.Files(shop)
	for _, op := range ops {
		fmt.Println(op.ID, op.Kind, op.Delivery, "can be undone:", op.Rollback != nil)
	}
	fmt.Println(err)
	// Output:
	// 1970_01_01_000001_create_accounts migration transactional can be undone: true
	// 1970_01_01_000002_add_plan migration transactional can be undone: false
	// <nil>
}

// A database that golang-migrate has brought to version 1: that is taken over, and only version 2 runs.
func ExampleAdopt() {
	ctx := context.Background()
	ledger, err := sqlite.Open(":memory:")
	if err != nil {
		panic(err)
	}
	defer ledger.Close()
	for _, was := range []string{
		"CREATE TABLE accounts (id integer PRIMARY KEY)",
		"CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
		"INSERT INTO schema_migrations VALUES (1, false)",
	} {
		if _, err := ledger.DB().ExecContext(ctx, was); err != nil {
			panic(err)
		}
	}
	ops, err := migrate.Files(shop)
	if err != nil {
		panic(err)
	}
	sequencer := seq.New(ledger, ops...)
	adopted, err := migrate.Adopt(ctx, sequencer, ledger.DB(), migrate.FromGolangMigrate(""))
	fmt.Println(adopted.Imported, err)
	report, err := sequencer.Run(ctx)
	fmt.Println(report.Succeeded(), err)
	// Output:
	// [1970_01_01_000001_create_accounts] <nil>
	// [1970_01_01_000002_add_plan] <nil>
}
