package bench

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// measured says who is measured on which database.
var measured = map[string][]string{
	"postgres": {"goose", "bun", "seq-transactional", "seq-repeatable", "seq-batch"},
	"sqlite":   {"goose", "bun", "seq-transactional", "seq-repeatable"},
}

// TestPeersDoTheWork holds all who are measured to the same work, and says when the database has no
// durable commits.
func TestPeersDoTheWork(t *testing.T) {
	const n = 40
	for name, list := range measured {
		p := products[name]
		for _, who := range list {
			t.Run(name+"/"+who, func(t *testing.T) {
				address := p.empty(t)
				db := p.open(t, address)
				for query, want := range p.durable {
					var got string
					if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
						t.Logf("figures of this server would not count: %s: %s, %v; want %s", query, got, err, want)
					}
				}
				side := peers[who](t, p, address, n)
				for range 2 { // the second has nothing to do
					if err := side.up(t.Context()); err != nil {
						t.Fatal(err)
					}
					if err := verify(t.Context(), db, side, n); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// BenchmarkUp is 1,000 steps that do nothing, in a database that is new.
func BenchmarkUp(b *testing.B) {
	const n = 1000
	for _, name := range []string{"postgres", "sqlite"} {
		p := products[name]
		for _, who := range measured[name] {
			b.Run(fmt.Sprintf("db=%s/by=%s", name, who), func(b *testing.B) {
				var sides []peer
				var dbs []*sql.DB
				var logged float64
				perStep(b, n, func() func() error {
					address := p.empty(b)
					db := p.open(b, address)
					side := peers[who](b, p, address, n)
					sides, dbs = append(sides, side), append(dbs, db)
					return func() error {
						before := p.logged(b, db)
						err := side.up(b.Context())
						logged += p.logged(b, db) - before
						return err
					}
				})
				for i, side := range sides {
					if err := verify(b.Context(), dbs[i], side, n); err != nil {
						b.Fatal(err)
					}
				}
				if name == "postgres" {
					b.ReportMetric(logged/float64(len(sides)*n), "wal-B/step")
					b.ReportMetric(p.kept(b, dbs[0])/float64(n), "disk-B/step")
					if s, is := sides[0].(*seqPeer); is {
						b.ReportMetric(hot(b, dbs[0], s), "hot-%")
					}
				}
			})
		}
	}
	p := products["postgres"]
	b.Run("db=postgres/by=bulk-insert", func(b *testing.B) {
		db := p.open(b, p.empty(b))
		insert := bulkInsert(n)
		if _, err := db.ExecContext(b.Context(), `CREATE TABLE done (id text PRIMARY KEY, state text, at timestamptz DEFAULT now())`); err != nil {
			b.Fatal(err)
		}
		perStep(b, n, func() func() error {
			if _, err := db.ExecContext(b.Context(), `TRUNCATE done`); err != nil {
				b.Fatal(err)
			}
			return func() error { _, err := db.ExecContext(b.Context(), insert); return err }
		})
		if rows, err := count(b.Context(), db, `SELECT count(*) FROM done`); err != nil || rows != n {
			b.Fatal(rows, err)
		}
	})
}

// bulkInsert is one statement that inserts n rows.
func bulkInsert(n int) string {
	var s strings.Builder
	s.WriteString(`INSERT INTO done (id, state) VALUES `)
	for i := range n {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, "('%s', 'succeeded')", seqtest.ID(i, "step"))
	}
	return s.String()
}

// BenchmarkNothingToDo is a start of the process when everything is recorded already, but for
// the connection; BenchmarkStatus the question what is done.
func BenchmarkNothingToDo(b *testing.B) {
	everythingDone(b, func(b *testing.B, side peer, n int) {
		perStep(b, n, always(func() error { return side.up(b.Context()) }))
	}, 1_000, 100_000)
}

// BenchmarkStatus is the question which steps are done, when all are.
func BenchmarkStatus(b *testing.B) {
	everythingDone(b, func(b *testing.B, side peer, n int) {
		perStep(b, n, always(func() error {
			if done, err := side.status(b.Context()); err != nil || done != n {
				return fmt.Errorf("%d of %d are done: %w", done, n, err)
			}
			return nil
		}))
	}, 1_000)
}

func everythingDone(b *testing.B, measure func(b *testing.B, side peer, n int), sizes ...int) {
	b.Helper()
	p := products["postgres"]
	for _, n := range sizes {
		for _, who := range []string{"goose", "bun", "seq-repeatable"} {
			if n > 1_000 && who == "bun" {
				continue // it inserts row by row, which would take minutes to prepare
			}
			b.Run(fmt.Sprintf("n=%d/by=%s", n, who), func(b *testing.B) {
				address := p.empty(b)
				db := p.open(b, address)
				side := peers[who](b, p, address, n)
				var err error
				switch s := side.(type) {
				case *seqPeer:
					err = s.fill(b.Context())
				case *goosePeer:
					err = s.fill(b.Context())
				default:
					err = side.up(b.Context())
				}
				if err != nil {
					b.Fatal(err)
				}
				if _, err := db.ExecContext(b.Context(), `VACUUM ANALYZE`); err != nil {
					b.Fatal(err)
				}
				called := side.calls()
				measure(b, side, n)
				if rows, err := count(b.Context(), db, side.recorded()); err != nil || rows != n || side.calls() != called {
					b.Fatalf("%d of %d recorded, %d called: %v", rows, n, side.calls()-called, err)
				}
			})
		}
	}
}

// fill records all steps as done, in the store's own words but in large batches.
func (s *seqPeer) fill(ctx context.Context) error {
	lease, err := s.store.Acquire(ctx, store.RunLease, store.ThisProcess())
	if err != nil {
		return err
	}
	for from := 0; from < len(s.ops); from += 1000 {
		var claims, outcomes store.Batch
		for i := from; i < min(from+1000, len(s.ops)); i++ {
			token := store.NewToken()
			claims.Claims = append(claims.Claims, store.Claim{
				ID: s.ops[i].ID, Token: token, Run: lease.Holder.String(), Generation: 1, Attempt: 1, Owner: store.ThisProcess(),
			})
			outcomes.Outcomes = append(outcomes.Outcomes, store.Outcome{ID: s.ops[i].ID, Token: token, State: seq.Succeeded})
		}
		for _, batch := range []store.Batch{claims, outcomes} {
			if refused, err := s.store.Write(ctx, lease, batch); err != nil || len(refused) > 0 {
				return fmt.Errorf("%d refused: %w", len(refused), err)
			}
		}
	}
	return s.store.Release(ctx, lease)
}

// fill lets goose make its table and do the first step, and inserts the others as goose would.
func (g *goosePeer) fill(ctx context.Context) error {
	all := g.migrations
	g.migrations = all[:1]
	err := g.up(ctx)
	g.migrations = all
	if err != nil {
		return err
	}
	_, err = g.db.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) SELECT i, true FROM generate_series(2, $1::bigint) i`, len(all))
	return err
}
