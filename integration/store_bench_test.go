package integration_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// onEachB is onEach for a benchmark, with an open ledger.
func onEachB(b *testing.B, bench func(b *testing.B, s *bunstore.Store)) {
	for name, dsn := range map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "seq.db") },
		"postgres": pgtest.DSN,
	} {
		b.Run(name, func(b *testing.B) {
			s, err := connect(dsn(b))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			bench(b, s)
		})
	}
}

func claimOf(i int) store.Claim {
	return store.Claim{ID: seqtest.ID(i, "op"), Token: store.NewToken(), Attempt: 1, Generation: 1, Delivery: seq.Transactional, Owner: holder, Run: "run"}
}

// chain does what a sequential run does b.N times: the outcome of an op and the claim of the next.
func chain(b *testing.B, s *bunstore.Store, width int, write func(lease store.Lease, open []store.Claim, batch store.Batch) ([]string, error)) {
	b.Helper()
	lease, err := s.Acquire(b.Context(), store.RunLease, holder)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Release(context.WithoutCancel(b.Context()), lease) }()
	var open []store.Claim
	for i := 0; b.Loop(); i += width {
		var batch store.Batch
		for _, c := range open {
			batch.Outcomes = append(batch.Outcomes, store.Outcome{ID: c.ID, Token: c.Token, State: seq.Succeeded})
		}
		for n := range width {
			batch.Claims = append(batch.Claims, claimOf(i+n))
		}
		refused, err := write(lease, open, batch)
		if err != nil || refused != nil {
			b.Fatalf("refused %v, %v", refused, err)
		}
		open = batch.Claims
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, width := range map[string]int{"1": 1, "32": 32} {
		b.Run(name, func(b *testing.B) {
			onEachB(b, func(b *testing.B, s *bunstore.Store) {
				chain(b, s, width, func(lease store.Lease, _ []store.Claim, batch store.Batch) ([]string, error) {
					return s.Write(b.Context(), lease, batch)
				})
			})
		})
	}
}

func BenchmarkAtomic(b *testing.B) {
	onEachB(b, func(b *testing.B, s *bunstore.Store) {
		chain(b, s, 1, func(lease store.Lease, open []store.Claim, batch store.Batch) ([]string, error) {
			if open == nil {
				return s.Write(b.Context(), lease, batch)
			}
			return s.Atomic(b.Context(), lease, open[0], func(context.Context) (store.Batch, error) { return batch, nil })
		})
	})
}

// BenchmarkPlainCommit is what a program without a ledger pays for the record that an op is done.
func BenchmarkPlainCommit(b *testing.B) {
	onEachB(b, func(b *testing.B, s *bunstore.Store) {
		db := s.DB().DB
		if _, err := db.ExecContext(b.Context(), `CREATE TABLE versions (version bigint PRIMARY KEY, applied text)`); err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			tx, err := db.BeginTx(b.Context(), &sql.TxOptions{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := tx.ExecContext(b.Context(), `INSERT INTO versions VALUES ($1, $2)`, i, "x"); err != nil {
				b.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	onEachB(b, func(b *testing.B, s *bunstore.Store) {
		const ops = 100_000
		lease, err := s.Acquire(b.Context(), store.RunLease, holder)
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < ops; i += 5000 {
			var claims, outcomes store.Batch
			for n := range 5000 {
				c := claimOf(i + n)
				claims.Claims = append(claims.Claims, c)
				outcomes.Outcomes = append(outcomes.Outcomes, store.Outcome{ID: c.ID, Token: c.Token, State: seq.Succeeded})
			}
			for _, batch := range []store.Batch{claims, outcomes} {
				if _, err := s.Write(b.Context(), lease, batch); err != nil {
					b.Fatal(err)
				}
			}
		}
		for b.Loop() {
			if entries, err := s.Load(b.Context()); err != nil || len(entries) != ops {
				b.Fatalf("%d entries, %v", len(entries), err)
			}
		}
	})
}
