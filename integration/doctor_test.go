package integration_test

import (
	"strings"
	"testing"

	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/integration/pgtest"
)

// diagnosis wants doctor to end with a code and to say some words.
func diagnosis(t *testing.T, dsn string, code int, words ...string) {
	t.Helper()
	got, out := atCommandLine(t, ledger(t, dsn), "doctor")
	if got != code {
		t.Errorf("exit code %d, want %d\n%s", got, code, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("it does not say %q:\n%s", w, out)
		}
	}
}

func TestDoctorOnPostgres(t *testing.T) {
	dsn := pgtest.DSN(t)
	diagnosis(t, dsn, cli.OK, "ok       database     PostgreSQL 1", "there are no tables of a ledger yet; the first run makes them", "pooler       no transaction pooler is seen", "clock        the database is ")
	s := ledger(t, dsn)
	if code, out := atCommandLine(t, s, "run"); code != cli.OK {
		t.Fatal(out)
	}
	diagnosis(t, dsn, cli.OK, "ok       schema       public.seq_* has version 3\n", "ok       privileges   this role may read and write public.seq_*\n", "pool         no limit on connections\n")
	s.DB().SetMaxOpenConns(1)
	if code, out := atCommandLine(t, s, "doctor"); code != cli.Failed || !strings.Contains(out, "failed   pool         the pool has 1 connection") {
		t.Errorf("a pool of one: exit code %d\n%s", code, out)
	}
	s.DB().SetMaxOpenConns(0)
	readable(t, s, "on")
	diagnosis(t, dsn, cli.Failed, "which takes no writes", "point the program at the primary")
	readable(t, s, "off")
	query(t, s, "UPDATE seq_meta SET value = '9'")
	diagnosis(t, dsn, cli.Failed, "newer")
}

func TestDoctorSeesAPooler(t *testing.T) {
	diagnosis(t, pgtest.Pooled(t), cli.OK, "pooler       a transaction pooler is in between\n")
}
