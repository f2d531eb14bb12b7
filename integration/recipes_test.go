package integration_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

var update = flag.Bool("update", false, "write docs/recipes/postgres/schema.sql anew")

const recipes = "../docs/recipes/postgres"

// with adds a parameter to a dsn in either of its two forms.
func with(dsn, key, value string) string {
	u, err := url.Parse(dsn)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return dsn + " " + key + "=" + value
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// atCommandLine is a command line on a ledger with one operation.
func atCommandLine(t *testing.T, s *bunstore.Store, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := cli.Execute(t.Context(), seq.New(s, seqtest.Succeeds("2024_01_15_120000_a")), args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// TestTheDDLOfTheRecipeIsThatOfTheStore holds schema.sql to what the store sends on first use.
func TestTheDDLOfTheRecipeIsThatOfTheStore(t *testing.T) {
	want := "-- The ledger's tables, as the library makes them on first use, for where the program may not: what Store.DDL\n" +
		"-- returns. A test writes this file and holds it to that; see roles.sql.\n\n" + ledger(t, pgtest.DSN(t)).DDL()
	file := filepath.Join(recipes, "schema.sql")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the store makes (%v); go test -run %s -update writes it\ngot\n%s\nwant\n%s", file, err, t.Name(), got, want)
	}
}

// TestTheRolesOfTheRecipeSuffice makes the tables as a DBA does, and works with the roles that it grants.
func TestTheRolesOfTheRecipeSuffice(t *testing.T) {
	dsn := pgtest.DSN(t)
	dba := ledger(t, dsn)
	name := "seq_" + strings.ToLower(rand.Text()) // roles are of the whole server
	for _, file := range []string{"roles.sql", "schema.sql", "grants.sql"} {
		text, err := os.ReadFile(filepath.Join(recipes, file))
		if err != nil {
			t.Fatal(err)
		}
		script := strings.ReplaceAll(string(text), "shop", name)
		if file == "schema.sql" { // psql keeps the search path of the file before
			script = "SET search_path = " + name + ";" + script
		}
		query(t, dba, script)
	}
	t.Cleanup(func() {
		for _, role := range []string{"_deploy", "_look"} {
			if _, err := dba.DB().ExecContext(context.WithoutCancel(t.Context()), "DROP OWNED BY "+name+role+"; DROP ROLE "+name+role); err != nil {
				t.Error(err)
			}
		}
	})
	as := func(role string) *bunstore.Store {
		return ledger(t, with(with(dsn, "role", name+role), "search_path", name))
	}
	deploy, look := as("_deploy"), as("_look")
	for _, line := range []string{"plan", "run", "run a --repeat", "rollback --yes", "skip a --reason x", "retry a --reason x", "run", "doctor"} {
		if code, out := atCommandLine(t, deploy, strings.Fields(line)...); code != cli.OK {
			t.Errorf("%s as the one that deploys: exit code %d\n%s", line, code, out)
		}
	}
	for _, line := range []string{"plan", "status", "history", "show a", "watch"} {
		if code, out := atCommandLine(t, look, strings.Fields(line)...); code != cli.OK {
			t.Errorf("%s as the one that looks: exit code %d\n%s", line, code, out)
		}
	}
	lane, err := deploy.Acquire(t.Context(), "lane:users", holder)
	if err != nil {
		t.Fatal(err)
	}
	ask := store.Control{ID: "2024_01_15_120000_a", Number: 1, Wanted: store.WantPause}
	for what, err := range map[string]error{
		"Ask": deploy.Ask(t.Context(), ask), "Answer": deploy.Answer(t.Context(), lane, store.Answer{ID: ask.ID, Seen: 1}), "Revoke": deploy.Revoke(t.Context(), lane.Name),
	} {
		if err != nil {
			t.Errorf("%s as the one that deploys: %v", what, err)
		}
	}
	if all, err := look.Controls(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("Controls as the one that looks: %+v, %v", all, err)
	}
	if err := look.Ask(t.Context(), store.Control{ID: ask.ID, Number: 2}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("Ask as the one that only looks: %v", err)
	}
	for _, line := range []string{"run --repeat", "rollback --yes"} {
		if code, out := atCommandLine(t, look, strings.Fields(line)...); code == cli.OK || !strings.Contains(out, "permission denied") {
			t.Errorf("%s as the one that only looks: exit code %d\n%s", line, code, out)
		}
	}
	if code, out := atCommandLine(t, look, "doctor"); code != cli.Failed || !strings.Contains(out, "failed   privileges   this role lacks INSERT on "+name+".seq_meta, ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	var tables int
	if err := dba.DB().NewRaw("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relname LIKE 'seq_%' AND relkind = 'r' AND nspname <> ?", name).Scan(t.Context(), &tables); err != nil || tables != 0 {
		t.Errorf("%d tables were made elsewhere (%v)", tables, err)
	}
}
