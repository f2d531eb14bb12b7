package cli_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestDoctorOfALedgerThatIsWell(t *testing.T) {
	ledger, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), bunstore.Prefix("shop_"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	d := newDesk(t)
	d.s = seq.New(ledger, d.s.Ops()...)
	d.want(cli.OK, []string{"there are no tables of a ledger yet; the first run makes them"}, "doctor")
	d.want(cli.OK, nil, "run")
	// That version and doctor know the version that the store writes keeps the two from drifting apart.
	d.want(cli.OK, []string{
		"ok       code         4 operations, a valid plan\n", "ok       connection   the ledger answers in ",
		"database     SQLite 3.", "shop_* has version 3\n", "lease        free\n", "clock        the database is ",
		"operations   nothing waits for a person\n",
	}, "doctor")
	if _, err := ledger.DB().ExecContext(t.Context(), "UPDATE shop_meta SET value = '9'"); err != nil {
		t.Fatal(err)
	}
	d.want(cli.Failed, nil, "doctor")
}

func TestDoctorSaysWhatIsWrong(t *testing.T) {
	mistaken := newDesk(t)
	mistaken.s = seq.New(mistaken.store, seq.Op{ID: fill, Run: func(context.Context) error { return nil }, DependsOn: []string{"2020_01_01_000000_gone"}})
	mistaken.want(cli.Failed, []string{"failed   code", "2020_01_01_000000_gone", "1 check failed"}, "doctor")

	away := newDesk(t)
	away.s = seq.New(unreachable{away.store}, away.s.Ops()...)
	away.want(cli.Failed, []string{"failed   connection", "connection refused", "whether the server runs"}, "doctor")

	d := newDesk(t)
	d.fails = errors.New("no")
	d.want(cli.Failed, nil, "run")
	d.want(cli.OK, []string{"warning  operations   1 operation failed", "cli.test show " + fill}, "doctor")
	lease := d.dead(store.Claim{ID: create, Token: store.NewToken(), Attempt: 2, Generation: 1})
	d.want(cli.OK, []string{"ok       lease        held by dead[0] since"}, "doctor")
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	d.want(cli.OK, []string{"warning  lease        free, and 1 operation left open by a process that died"}, "doctor")
	var doc struct {
		Checks []struct{ Check, State, Found, Do string }
		Failed int
	}
	d.json(&doc, cli.OK, "doctor", "--json")
	if len(doc.Checks) < 5 || doc.Failed != 0 || !strings.HasPrefix(doc.Checks[0].Found, "4 operations") {
		t.Errorf("got %+v", doc)
	}
}

// unreachable is a store whose database does not answer.
type unreachable struct{ store.Store }

func (unreachable) Load(context.Context) ([]store.Entry, error) {
	return nil, errors.New("connection refused")
}
