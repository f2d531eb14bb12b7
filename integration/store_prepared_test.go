package integration_test

import (
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// A session of one's own knows what is said to it over and over; one that forgets it costs a second
// try and no more; and where a pooler may change sessions nothing is prepared at all.
func TestStatementsArePreparedWhereTheyCanBe(t *testing.T) {
	pooled := bunstore.Prepare(bunstore.Preparing{Session: func(any) uint32 { return 1 }})
	for name, c := range map[string]struct {
		opts     []bunstore.Option
		forget   bool
		prepared bool
	}{
		"direct":   {prepared: true},
		"forgets":  {forget: true},
		"a pooler": {opts: []bunstore.Option{pooled}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := postgres.Open(pgtest.DSN(t), c.opts...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			s.DB().SetMaxOpenConns(1) // one session
			lease, err := s.Acquire(t.Context(), store.RunLease, store.ThisProcess())
			if err != nil {
				t.Fatal(err)
			}
			claim := store.Claim{ID: "op", Generation: 1}
			for range 4 {
				claim.Token = store.NewToken()
				claim.Attempt++
				for _, b := range []store.Batch{
					{Claims: []store.Claim{claim}},
					{Outcomes: []store.Outcome{{ID: claim.ID, Token: claim.Token, State: seq.Failed}}},
				} {
					if refused, err := s.Write(t.Context(), lease, b); err != nil || len(refused) > 0 {
						t.Fatalf("attempt %d: %v, %v", claim.Attempt, refused, err)
					}
				}
				if c.forget && claim.Attempt == 3 { // so that the next text is one that the session had prepared
					if _, err := s.DB().ExecContext(t.Context(), `DEALLOCATE ALL`); err != nil {
						t.Fatal(err)
					}
				}
			}
			var n int
			if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM pg_prepared_statements`).Scan(&n); err != nil || (n > 0) != c.prepared {
				t.Errorf("%d are prepared, %v", n, err)
			}
			history, err := s.History(t.Context(), "op", store.Page{Limit: 1000})
			if err != nil || len(history) != 4 {
				t.Errorf("%d attempts, %v", len(history), err)
			}
		})
	}
}
