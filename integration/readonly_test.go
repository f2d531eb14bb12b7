package integration_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

const readOnly = "read-only transaction"

// readable makes a database take no writes, as a standby or one that fell back to it does, or take them
// again. What is connected stays as it is, so nothing stays connected.
func readable(t *testing.T, s *bunstore.Store, only string) {
	t.Helper()
	s.DB().SetMaxIdleConns(-1)
	query(t, s, `BEGIN READ WRITE;
		DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = `+only+`', current_database()); END $$;
		COMMIT`)
	if only == "off" {
		s.DB().SetMaxIdleConns(2) // the default
	}
}

// A server that became read-only, before the run, between the lease and the claim, and in an op: who
// cannot claim does not call, and the error says why.
func TestAReadOnlyServer(t *testing.T) {
	a, b := "2024_01_15_120000_a", "2024_01_15_120001_b"
	for at, want := range map[string]struct {
		calls string
		text  string
		is    error
	}{
		"before the run":   {text: "take the lease"},
		"before the claim": {text: "run " + a},
		"in the op":        {calls: "a", text: "run " + a, is: seq.ErrOutcomeUnrecorded},
	} {
		t.Run(at, func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t), bunstore.LeaseTTL(4*time.Second))
			if _, err := seq.New(s, seqtest.Succeeds("2023_01_15_120000_first")).Run(t.Context()); err != nil {
				t.Fatal(err) // that makes the tables
			}
			calls, now := "", at
			ops := []seq.Op{seqtest.Succeeds(a), seqtest.Succeeds(b)}
			ops[0].ShouldRun = func(context.Context) (bool, error) {
				if now == "before the claim" {
					readable(t, s, "on")
				}
				return true, nil
			}
			ops[0].Run = func(context.Context) error {
				calls += "a"
				if now == "in the op" {
					readable(t, s, "on")
				}
				return nil
			}
			ops[1].Run = func(context.Context) error { calls += "b"; return nil }
			if now == "before the run" {
				readable(t, s, "on")
			}
			r, err := seq.New(s, ops...).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), readOnly) || !strings.Contains(err.Error(), want.text) || !errors.Is(err, want.is) && want.is != nil {
				t.Errorf("got %v, want %s and %s", err, want.text, readOnly)
			}
			if calls != want.calls || len(r.Succeeded()) != 0 {
				t.Errorf("called %q, want %q\n%s", calls, want.calls, r)
			}
			readable(t, s, "off")
			now = ""
			if r, err := seq.New(s, ops...).Run(t.Context()); err != nil || calls != want.calls+"ab" {
				t.Errorf("afterwards: called %q, %v\n%s", calls, err, r)
			}
		})
	}
}
