package sqlite_test

import (
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
)

// TestALargeLedgerIsReadInFull: a ledger of more than 212,992 entries once made a block of a negative size.
func TestALargeLedgerIsReadInFull(t *testing.T) {
	const more = 220_000
	s := open(t, file(t))
	op := seqtest.Succeeds(seqtest.ID(0, "a"))
	if _, err := seq.New(s, op).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, s.DB(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO seq_ops (ns, id, state, run, delivery, generation, attempt, lease, fence, seq)
		SELECT ns, id || '_' || i, state, run, delivery, generation, attempt, lease, fence, seq + i FROM seq_ops, n`, more)
	for range 2 { // the second read knows how many there are
		entries, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for i := range entries {
			if entries[i].State == seq.Succeeded && entries[i].Attempt == 1 {
				seen[entries[i].ID] = true
			}
		}
		if len(entries) != more+1 || len(seen) != more+1 || !seen[op.ID] {
			t.Fatalf("got %d entries, %d of them as written, want %d", len(entries), len(seen), more+1)
		}
	}
}
