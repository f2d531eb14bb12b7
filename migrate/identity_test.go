package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

func TestAFileThatGotAnotherNameDoesNotRunAgain(t *testing.T) {
	insert := "CREATE TABLE IF NOT EXISTS u (id int);\nINSERT INTO u VALUES (1);\n"
	for name, names := range map[string][2]string{
		"golang-migrate": {"000001_add_usres.up.sql", "000001_add_users.up.sql"},
		"bun":            {"20240115120000_add_usres.tx.up.sql", "20240115120000_add_users.tx.up.sql"},
		"goose":          {"00001_add_usres.sql", "00001_add_users.sql"},
		"of any width":   {"1700000000000_add_usres.up.sql", "1700000000000_add_users.up.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledger(t)
			text := "-- +goose Up\n" + insert
			was := files(t, folder(map[string]string{names[0]: text}))
			if _, err := seq.New(s, was...).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			after := seq.Op{ID: "2025_01_01_000000_after", DependsOn: []string{was[0].ID}, Run: func(context.Context) error { return nil }}
			now := files(t, folder(map[string]string{names[1]: text}))
			q := seq.New(s, append(now, after)...)
			plan, err := q.Preview(t.Context())
			if err != nil || !slices.Equal(plan.IDs(), []string{after.ID}) || !strings.Contains(plan.String(), now[0].ID+" is renamed: the ledger has it as "+was[0].ID) {
				t.Errorf("%v\n%s", err, plan)
			}
			if _, err := q.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := s.DB().NewSelect().Table("u").Count(t.Context()); n != 1 || err != nil {
				t.Errorf("%d rows, %v; want 1", n, err)
			}
		})
	}
}

func TestARenamedFileIsUndone(t *testing.T) {
	s := ledger(t)
	run := func(name string) *seq.Sequencer {
		q := seq.New(s, files(t, folder(map[string]string{"000001_" + name + ".up.sql": "CREATE TABLE a (b int)", "000001_" + name + ".down.sql": "DROP TABLE a"}))...)
		if _, err := q.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return q
	}
	run("old")
	q := run("new")
	if report, err := q.Rollback(t.Context(), seq.Last(1)); err != nil || schema(t, s) != "" || len(report.RolledBack()) != 1 {
		t.Fatalf("%v, left: %s\n%s", err, schema(t, s), report)
	}
	run("new")
	if got := schema(t, s); got != "CREATE TABLE a (b int)" {
		t.Errorf("after another run: %q", got)
	}
	seqtest.AssertState(t, s, "1970_01_01_000001_new", seq.Succeeded)
}

// The same version with other content is somebody else's, or an edit: neither may run.
func TestAVersionWithOtherContentIsRefused(t *testing.T) {
	s := ledger(t)
	run := func(name, text string, opts ...seq.RunOption) error {
		_, err := seq.New(s, files(t, folder(map[string]string{name: text}))...).Run(t.Context(), opts...)
		return err
	}
	if err := run("000001_users.up.sql", "CREATE TABLE users (id int)"); err != nil {
		t.Fatal(err)
	}
	err := run("000001_orders.up.sql", "CREATE TABLE orders (id int)")
	for _, says := range []string{"1970_01_01_000001_users", "1970_01_01_000001_orders", "000001_orders", "namespace", "RenamedFrom"} {
		if !errors.Is(err, seq.ErrDrift) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
	if got := schema(t, s); strings.Contains(got, "orders") {
		t.Errorf("it ran: %s", got)
	}
	other := bunstore.New(s.DB(), bunstore.Namespace("orders"))
	if _, err := seq.New(other, files(t, folder(map[string]string{"000001_orders.up.sql": "CREATE TABLE orders (id int)"}))...).Run(t.Context()); err != nil {
		t.Errorf("in a namespace of its own: %v", err)
	}
}

// What failed and left nothing may come back under another name, mended.
func TestAFileThatFailedMayGetAnotherNameAndContent(t *testing.T) {
	s := ledger(t)
	if _, err := seq.New(s, files(t, folder(map[string]string{"000001_a.up.sql": "BOOM"}))...).Run(t.Context()); err == nil {
		t.Fatal("it did not fail")
	}
	if _, err := seq.New(s, files(t, folder(map[string]string{"000001_b.up.sql": "CREATE TABLE b (c int)"}))...).Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// Ops that are no files may have the timestamp of one that is gone.
func TestOnlyAFilesVersionIsItsIdentity(t *testing.T) {
	s := ledger(t)
	nothing := func(context.Context) error { return nil }
	if _, err := seq.New(s, seq.Op{ID: "2024_01_15_120000_a", Kind: seq.Migration, Run: nothing}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := seq.New(s, seq.Op{ID: "2024_01_15_120000_b", Kind: seq.Migration, Run: nothing},
		files(t, folder(map[string]string{"20240115120000_c.up.sql": "SELECT 1"}))[0]).Run(t.Context())
	if err != nil || len(report.Steps) != 2 {
		t.Errorf("%v, %v", report, err)
	}
}

func TestTheNameOfTheFileIsKnown(t *testing.T) {
	s := ledger(t)
	ops := files(t, folder(map[string]string{"000093_x.up.sql": "SELECT 1", "20240115120000_y.up.sql": "SELECT 1"}))
	op := seq.Op{ID: "2000_01_01_000000_op", DependsOn: []string{"000093_x", "20240115120000_y"}, Run: func(context.Context) error { return nil }}
	q := seq.New(s, append(ops, op)...)
	plan, err := q.Preview(t.Context())
	if err != nil || !strings.Contains(plan.String(), "1970_01_01_000133_x  (000093_x; ") {
		t.Errorf("%v\n%s", err, plan)
	}
	if want := []string{"1970_01_01_000133_x", "20240115120000_y", op.ID}; !slices.Equal(plan.IDs(), want) {
		t.Errorf("got %q, want %q", plan.IDs(), want)
	}
	if report, err := q.Run(t.Context(), seq.Only("000093_x")); err != nil || len(report.Steps) != 1 {
		t.Errorf("%v, %v", report, err)
	}
	op.DependsOn = []string{"000094_x"}
	if _, err := seq.New(s, append(ops, op)...).Run(t.Context()); !errors.Is(err, seq.ErrUnknownDependency) {
		t.Errorf("got %v", err)
	}
}

func TestVersionsOfAnyWidth(t *testing.T) {
	for version, want := range map[string]string{
		"1700000000000000000":  "2023_11_14_221320_1700000000000000000_x", // nanoseconds
		"1700000000000000":     "2023_11_14_221320_1700000000000000_x",    // microseconds
		"1700000000000":        "2023_11_14_221320_1700000000000_x",       // milliseconds
		"2026071701":           "20260717000001_2026071701_x",             // a day and a counter
		"20260717100":          "20260717000140_20260717100_x",
		"20240115126000":       "20240115125959_20240115126000_x", // counted up by hand
		"20241301000000":       "20241231235959_20241301000000_x",
		"20240230120000":       "20240229235959_20240230120000_x",
		"20240100000000":       "20240101000000_20240100000000_x",
		"202407021504055":      "20240702150405_202407021504055_x", // a slip
		"20240702150405123":    "20240702150405_20240702150405123_x",
		"90000000000001":       "90000101000000_90000000000001_x", // after all dates
		"20240132":             "20240131235959_20240132_x",
		"202401151260":         "20240115125959_202401151260_x",
		"18446744073709551615": "18441231235959_18446744073709551615_x",
		"00000000000001":       "1970_01_01_000001_x",
	} {
		ops := files(t, folder(map[string]string{version + "_x.up.sql": "SELECT 1;"}))
		if ops[0].ID != want || ops[0].Alias != version+"_x" {
			t.Errorf("%s: %s, %s; want %s", version, ops[0].ID, ops[0].Alias, want)
		}
	}
}

// Whatever the versions look like, the steps run in the order of the tool.
func TestStepsRunInTheirToolsOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		format   migrate.Format
		suffix   string
		versions []string
	}{
		"by number": {migrate.GolangMigrate(), ".up.sql", []string{
			"1", "000002", "10", "20240115", "20249999", "1705320000", "2026071701", "2026071702", "1700000000000", "20240115125959",
			"20240115126000", "20240115126001", "20240115130000", "90000000000001", "202407021504055", "1700000000000000000", "1700000000000000001",
		}},
		"goose":   {migrate.Goose(), ".sql", []string{"1", "2", "10", "20240115126000", "20240115126001", "20240115130000"}},
		"by text": {migrate.Bun(), ".up.sql", []string{"1", "10", "2", "20240115120000", "20240115126000", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledger(t)
			exec(t, s, `CREATE TABLE done (n integer PRIMARY KEY, version text)`)
			f := map[string]string{}
			for i, v := range tt.versions {
				f[fmt.Sprintf("%s_%c%s", v, 'z'-i, tt.suffix)] = "-- +goose Up\nINSERT INTO done (version) VALUES ('" + v + "');\n"
			}
			if _, err := seq.New(s, files(t, folder(f), tt.format)...).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			if err := s.DB().NewRaw(`SELECT version FROM done ORDER BY n`).Scan(t.Context(), &got); err != nil || !slices.Equal(got, tt.versions) {
				t.Errorf("%v\ngot  %q\nwant %q", err, got, tt.versions)
			}
		})
	}
}

func TestBlanksAtTheEndOfALineDoNotChangeTheChecksum(t *testing.T) {
	sum := func(text string) string { return files(t, folder(map[string]string{"1_a.up.sql": text}))[0].Checksum }
	a := sum("SELECT 1;\nSELECT 2;\n")
	for _, text := range []string{"SELECT 1;  \nSELECT 2;\n", "SELECT 1;\t\r\n \t\nSELECT 2;", "\ufeffSELECT 1;\nSELECT 2; \n\n"} {
		if sum(text) != a {
			t.Errorf("%q has another checksum", text)
		}
	}
	for _, text := range []string{" SELECT 1;\nSELECT 2;\n", "SELECT 1; SELECT 2;\n"} {
		if sum(text) == a {
			t.Errorf("%q has the same checksum", text)
		}
	}
}
