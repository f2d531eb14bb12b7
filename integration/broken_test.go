package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store/bunstore"
)

// What an op committed behind our back stays, so Retry does not call it again: it would be there twice.
func TestRetryLeavesABrokenTransactionAlone(t *testing.T) {
	id := "2024_01_15_120000_a"
	onEach(t, func(t *testing.T, dsn string) {
		for _, end := range []string{"COMMIT", "ROLLBACK"} {
			t.Run(end, func(t *testing.T) {
				s := ledger(t, dsn, bunstore.Namespace(end))
				query(t, s, "DROP TABLE IF EXISTS effects")
				effects(t, s)
				calls := 0
				op := transactional(id, func(ctx context.Context) error {
					calls++
					if err := leave(id, "done")(ctx); err != nil {
						return err
					}
					_, err := bunstore.Tx(ctx).ExecContext(ctx, end)
					return err
				}, nil)
				_, err := seq.New(s, op).Use(middleware.Retry(5, time.Millisecond)).Run(t.Context())
				var failed *seq.OpError
				if !errors.Is(err, seq.ErrTxBroken) || !errors.As(err, &failed) || failed.ID != id {
					t.Errorf("got %v, want %v of %s", err, seq.ErrTxBroken, id)
				}
				done := map[string]int{"COMMIT": 1}[end]
				if n := count(t, s, id, "done"); calls != 1 || n != done {
					t.Errorf("%d calls, %d effects; want 1, %d", calls, n, done)
				}
			})
		}
	})
}
