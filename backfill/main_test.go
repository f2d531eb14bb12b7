package backfill_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "2026_11_01_110000_rows"

// open is a ledger whose database has a table rows with so many rows, of which each has an n of 0.
func open(tb testing.TB, rows int) *bunstore.Store {
	tb.Helper()
	s, err := sqlite.Open(filepath.Join(tb.TempDir(), "ledger.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	exec(tb, s, `CREATE TABLE rows (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0, found text)`)
	if rows > 0 {
		exec(tb, s, fmt.Sprintf(`WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) INSERT INTO rows (id) SELECT i FROM s`, rows))
	}
	return s
}

func exec(tb testing.TB, s *bunstore.Store, query string) {
	tb.Helper()
	if _, err := s.DB().ExecContext(tb.Context(), query); err != nil {
		tb.Fatal(err)
	}
}

// number is the answer to a query.
func number(tb testing.TB, s *bunstore.Store, query string) (n int) {
	tb.Helper()
	if err := s.DB().QueryRowContext(tb.Context(), query).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// increment adds one to each row: doing a row twice would show.
func increment(ctx context.Context, r backfill.Range[int64]) error {
	_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE rows SET n = n + 1 WHERE id BETWEEN ? AND ?`, r.First, r.Last)
	return err
}

var keyset = backfill.Keyset[int64]{Table: "rows", Key: "id"}

// foreground is an op that Run takes up.
func foreground(of backfill.Definition) seq.Op {
	op := backfill.Op(id, of)
	op.Background = false
	return op
}

func run(tb testing.TB, ledger store.Store, ops ...seq.Op) error {
	tb.Helper()
	_, err := seq.New(ledger, ops...).Run(tb.Context())
	return err
}

func entry(tb testing.TB, ledger store.Store) seq.OpStatus {
	tb.Helper()
	status, err := seq.New(ledger, seq.Op{ID: id, Delivery: seq.Resumable, Run: func(context.Context) error { return nil }}).Status(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return *status.Op(id)
}

// once checks that each row was done once.
func once(tb testing.TB, s *bunstore.Store, rows int) {
	tb.Helper()
	if done, all := number(tb, s, `SELECT count(*) FROM rows WHERE n = 1`), number(tb, s, `SELECT count(*) FROM rows`); done != rows || all != rows {
		tb.Errorf("%d rows of %d were done once, want all of %d", done, all, rows)
	}
}

func update(ctx context.Context, query string, args ...any) error {
	_, err := bunstore.DB(ctx).ExecContext(ctx, query, args...)
	return err
}

// noBad fails with errBad if a range has a row that is bad.
func noBad(ctx context.Context, r backfill.Range[int64]) error {
	var n int
	err := bunstore.DB(ctx).QueryRowContext(ctx, `SELECT count(*) FROM rows WHERE id BETWEEN ? AND ? AND found = 'bad'`, r.First, r.Last).Scan(&n)
	if err == nil && n > 0 {
		err = errBad
	}
	return err
}

var mock = seqtest.NewClock
