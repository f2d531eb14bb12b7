package bench

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
)

// logged is how many bytes of its write-ahead log a Postgres server has written; the question is a trip in what
// is measured, of a thousand steps.
func (p product) logged(b *testing.B, db *sql.DB) float64 {
	b.Helper()
	if p.name != "postgres" {
		return 0
	}
	return number(b, db, `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`)
}

// kept is how many bytes the tables have, with their indexes.
func (p product) kept(b *testing.B, db *sql.DB) float64 {
	b.Helper()
	return number(b, db, `SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables`)
}

// hot is the share of the updates of ops, in percent, that touched no index. The sessions that wrote tell the
// server what they did when they end.
func hot(b *testing.B, db *sql.DB, s *seqPeer) float64 {
	b.Helper()
	_ = s.store.(interface{ Close() error }).Close()
	for range 100 {
		updates := number(b, db, `SELECT coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables WHERE relname = 'seq_ops'`)
		if updates >= float64(len(s.ops)) {
			return 100 / updates * number(b, db, `SELECT sum(n_tup_hot_upd) FROM pg_stat_user_tables WHERE relname = 'seq_ops'`)
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Error("the server does not say what was updated")
	return 0
}

func number(b *testing.B, db *sql.DB, query string) (n float64) {
	b.Helper()
	if err := db.QueryRowContext(b.Context(), query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkCommit is how long the disk takes to make one row durable, which is what a step costs at least.
func BenchmarkCommit(b *testing.B) {
	for _, name := range []string{"postgres", "sqlite"} {
		p := products[name]
		b.Run(fmt.Sprintf("db=%s", name), func(b *testing.B) {
			db := p.open(b, p.empty(b))
			told(b, db, []string{`CREATE TABLE rows (n int)`})
			const n = 200
			perStep(b, n, always(func() error {
				for i := range n {
					if _, err := db.ExecContext(b.Context(), fmt.Sprintf(`INSERT INTO rows VALUES (%d)`, i)); err != nil {
						return err
					}
				}
				return nil
			}))
		})
	}
}
