package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// sizes are the numbers of entries. The largest takes minutes to make, so it is only measured where
// SEQ_BENCH_MILLION is set: the marks command does so in its first round.
func sizes() []int {
	if os.Getenv("SEQ_BENCH_MILLION") == "" {
		return []int{1_000, 100_000}
	}
	return []int{1_000, 100_000, 1_000_000}
}

// BenchmarkSize is what a ledger of n entries costs to read, all of them registered and done: a start with
// nothing to do, the status, all entries, the console's first view, and the newest page of the history
// of an op with n attempts.
func BenchmarkSize(b *testing.B) {
	for _, name := range []string{"postgres", "sqlite"} {
		p := products[name]
		for _, n := range sizes() {
			b.Run(fmt.Sprintf("db=%s/n=%d", name, n), func(b *testing.B) {
				side, ledger := large(b, p, n)
				for _, of := range []struct {
					what string
					do   func(ctx context.Context) (entries int, err error)
				}{
					{"start", func(ctx context.Context) (int, error) {
						return n, side.up(ctx)
					}},
					{"status", func(ctx context.Context) (int, error) {
						st, err := seq.New(ledger, side.ops...).Status(ctx)
						if err != nil {
							return 0, err
						}
						return len(st.Ops), nil
					}},
					{"load", func(ctx context.Context) (int, error) {
						entries, err := ledger.Load(ctx)
						return len(entries), err
					}},
					{"page", func(ctx context.Context) (int, error) {
						return n, view(ctx, console.Handler(seq.New(ledger, side.ops...)))
					}},
					{"history", func(ctx context.Context) (int, error) {
						page, err := ledger.History(ctx, side.ops[0].ID, store.Page{Limit: 50})
						if len(page) != 50 || page[0].Number != n {
							return 0, fmt.Errorf("%d attempts", len(page))
						}
						return n, err
					}},
				} {
					b.Run("of="+of.what, func(b *testing.B) {
						if _, err := of.do(b.Context()); err != nil { // the first time it may read from the disk
							b.Fatal(err)
						}
						perStep(b, n, always(func() error {
							if got, err := of.do(b.Context()); err != nil || got != n {
								return fmt.Errorf("%d of %d: %w", got, n, err)
							}
							return nil
						}))
					})
				}
				if called := side.calls(); called != 0 {
					b.Fatalf("%d were called", called)
				}
			})
		}
	}
}

// view asks for the console's first page, and again as long as that says that the ledger has not answered in
// time: the reading goes on meanwhile, and whoever asks next gets it.
func view(ctx context.Context, h http.Handler) error {
	for {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		switch body := w.Body.String(); {
		case w.Code == http.StatusServiceUnavailable:
		case w.Code != http.StatusOK || !strings.Contains(body, "</html>"):
			return fmt.Errorf("status %d, %d bytes", w.Code, len(body))
		default:
			return nil
		}
	}
}

// large makes a ledger in which n ops are done, and the first of them at its nth attempt.
func large(b *testing.B, p product, n int) (*seqPeer, store.Store) {
	b.Helper()
	address := p.empty(b)
	side, ok := newSeq(b, p, address, n, seq.Repeatable, strategies.Sequential()).(*seqPeer)
	if !ok {
		b.Fatal("newSeq makes another peer")
	}
	all := side.ops
	side.ops = all[:1]
	if _, err := seq.New(side.store, side.ops...).Run(b.Context()); err != nil { // a run as any other
		b.Fatal(err)
	}
	side.ops = all
	side.called.Store(0)
	db := p.open(b, address)
	multiply(b, db, p, "seq_ops", map[string]string{"id": "x.id", "seq": "x.n", "token": "'00' || x.n"}, all)
	list := make([]seq.Op, n-1)
	multiply(b, db, p, "seq_attempts", map[string]string{"number": "x.n"}, list)
	q := fmt.Sprintf(`UPDATE seq_ops SET attempt = %d WHERE id = '%s'`, n, all[0].ID)
	told(b, db, append([]string{q}, map[string][]string{"postgres": {`VACUUM ANALYZE`}, "sqlite": {`ANALYZE`}}[p.name]...))
	return side, side.store
}

// multiply copies the row of the first op, once for each other op, with other values in some columns: x.id
// is the op's ID, x.n its place. The first attempt is archived first, so that there is a row to copy.
func multiply(b *testing.B, db *sql.DB, p product, table string, other map[string]string, ops []seq.Op) {
	b.Helper()
	from := "seq_ops"
	columns := columnsOf(b, db, table)
	values := slices.Clone(columns)
	for i, c := range columns {
		values[i] = "o." + c
		if v, is := other[c]; is {
			values[i] = v
		} else if c == "number" {
			values[i] = "o.attempt"
		}
	}
	source := `json_each($1)`
	pick := `SELECT value AS id, key + $2 AS n FROM `
	if p.name == "postgres" {
		source, pick = `jsonb_array_elements_text($1::jsonb) WITH ORDINALITY AS e(value, key)`, `SELECT value AS id, key - 1 + $2::bigint AS n FROM `
	}
	insert := fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM %s o, (%s%s) x WHERE o.id = '%s'`,
		table, strings.Join(columns, ", "), strings.Join(values, ", "), from, pick, source, seqtest.ID(0, "step"))
	first := 0
	if table == "seq_ops" {
		first = 1 // it is there
	}
	const some = 20_000
	for i := first; i < len(ops); i += some {
		var ids []string
		for j := i; j < min(i+some, len(ops)); j++ {
			ids = append(ids, ops[j].ID)
		}
		list, err := json.Marshal(ids)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.ExecContext(b.Context(), insert, string(list), int64(i+1)); err != nil {
			b.Fatal(err)
		}
	}
}

func columnsOf(b *testing.B, db *sql.DB, table string) []string {
	b.Helper()
	rows, err := db.QueryContext(b.Context(), `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil || rows.Err() != nil {
		b.Fatal(err, rows.Err())
	}
	return columns
}
