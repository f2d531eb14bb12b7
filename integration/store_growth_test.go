package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/strategies"
)

// The plan of a prepared statement is made when the tables are small, and kept while they grow. So what
// an op costs must not grow with them, whether they were ever analyzed or not. It is counted in rows
// that the server has read without an index: a table of a hundred rows may be read as a whole, and
// once it is large none may.
func TestAnOpReadsNoMoreInALargeLedger(t *testing.T) {
	const before, many = 100, 3000
	for _, analyzed := range []bool{false, true} {
		for _, delivery := range []seq.Delivery{seq.Repeatable, seq.Transactional, seq.Once} {
			for name, strategy := range map[string]seq.Strategy{"alone": strategies.Sequential(), "in batches": strategies.Batch(strategies.Limit(32))} {
				t.Run(fmt.Sprintf("%s %s, analyzed %t", delivery, name, analyzed), func(t *testing.T) {
					s, err := postgres.Open(pgtest.DSN(t), bunstore.Schema("growth"))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = s.Close() })
					ops := make([]seq.Op, before+many)
					for i := range ops {
						ops[i] = seqtest.Succeeds(seqtest.ID(i, "op"))
						ops[i].Delivery = delivery
					}
					run := func(ops []seq.Op) {
						t.Helper()
						if _, err := seq.New(s, ops...).Use(strategy).Run(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					run(ops[:before])
					if analyzed {
						query(t, s, `ANALYZE growth.seq_ops, growth.seq_attempts, growth.seq_leases`)
					}
					query(t, s, `ALTER TABLE growth.seq_ops SET (autovacuum_enabled = off)`)
					began := readWithoutIndex(t, s)
					run(ops)
					if read := readWithoutIndex(t, s) - began; read > 100*many {
						t.Errorf("%d rows were read for %d ops", read, many)
					}
				})
			}
		}
	}
}

// readWithoutIndex is how many rows of ops and controls the server has read in looking through the tables.
func readWithoutIndex(t *testing.T, s *bunstore.Store) (rows int64) {
	t.Helper()
	s.DB().SetMaxIdleConns(0) // a session tells what it has read when it ends
	s.DB().SetMaxIdleConns(2)
	query(t, s, `SELECT pg_stat_clear_snapshot()`)
	err := s.DB().NewRaw(`SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE schemaname = 'growth' AND relname IN ('seq_ops', 'seq_controls')`).Scan(t.Context(), &rows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// A ledger keeps what a page shows within reach, however much there is of the rest.
func TestAPageOfALongHistoryIsCheap(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	lease := takeLease(t, s)
	if _, err := s.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{{ID: "op", Attempt: 1, Token: store.NewToken(), Run: "r"}}}); err != nil {
		t.Fatal(err)
	}
	query(t, s, `INSERT INTO seq_attempts (ns, id, number, direction, run, owner, token, started, finished, state)
		SELECT 'default', 'op', -n, 'run', 'r' || n, '{}', 'x', 1, 2, 'failed' FROM generate_series(1, 200000) AS n`)
	for what, q := range map[string]string{
		"history":  `SELECT number FROM seq_attempts WHERE ns = 'default' AND id = 'op' AND number < 9 ORDER BY number DESC LIMIT 20`,
		"of a run": `SELECT number FROM seq_attempts WHERE ns = 'default' AND run = 'r7' AND (id, number) > ('', 0) ORDER BY id, number LIMIT 20`,
	} {
		var lines []string
		if err := s.DB().NewRaw("EXPLAIN "+q).Scan(t.Context(), &lines); err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(lines, "\n")
		if !strings.Contains(plan, "Index") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") {
			t.Errorf("%s is planned as\n%s", what, plan)
		}
	}
	got, err := s.History(t.Context(), "op", store.Page{Limit: 20})
	if err != nil || len(got) != 20 || got[0].Number != 1 || got[19].Number != -19 {
		t.Errorf("%d attempts, %v", len(got), err)
	}
}
