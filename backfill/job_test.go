package backfill_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
)

// Whatever the source and the parts, every row is done once, also if batches fail and the op is run again.
func TestEveryRowOnce(t *testing.T) {
	const rows = 2000
	boom := errors.New("boom")
	for name, job := range map[string]backfill.Job[int64]{
		"keyset":           {From: keyset},
		"keyset, parts":    {From: keyset, Parts: 5, Workers: 2},
		"dense":            {From: backfill.Dense{Table: "rows", Key: "id"}},
		"dense, parts":     {From: backfill.Dense{Table: "rows", Key: "id"}, Parts: 7},
		"dense, no table":  {From: backfill.Dense{First: 1, Last: rows}},
		"rows by function": {From: chunks(rows)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, rows)
			job.Size, job.MaxSize = 100, 100
			failures := 0
			job.Do = func(ctx context.Context, r backfill.Range[int64]) error {
				if err := increment(ctx, r); err != nil {
					return err
				}
				if rand.N(4) == 0 {
					return boom
				}
				return nil
			}
			for {
				err := run(t, s, foreground(job))
				if err == nil {
					break
				}
				if !errors.Is(err, boom) {
					t.Fatal(err)
				}
				failures++
				if done := number(t, s, `SELECT count(*) FROM rows WHERE n = 1`); int64(done) != entry(t, s).Done {
					t.Fatalf("%d rows are done, the ledger says %d", done, entry(t, s).Done)
				}
			}
			if failures == 0 {
				t.Error("nothing failed")
			}
			once(t, s, rows)
			if e := entry(t, s); e.State != seq.Succeeded || e.Done != rows || e.Total != rows {
				t.Errorf("%s, %d of %d", e.State, e.Done, e.Total)
			}
		})
	}
}

// chunks is a source that is a function.
func chunks(rows int64) backfill.Func[int64] {
	return backfill.Func[int64]{Name: "chunks", Total: rows, Next: func(_ context.Context, after, size int64) (r backfill.Range[int64], ok bool, err error) {
		r.First, r.Last = after+1, min(after+size, rows)
		r.Rows = r.Last - after
		return r, r.Rows > 0, nil
	}}
}

func TestFewRows(t *testing.T) {
	for name, from := range map[string]backfill.Source[int64]{"keyset": keyset, "dense": backfill.Dense{Table: "rows", Key: "id"}} {
		for _, rows := range []int{0, 1, 2, 3} {
			for _, parts := range []int{1, 2, 8} {
				t.Run(name, func(t *testing.T) {
					s := open(t, rows)
					if err := run(t, s, foreground(backfill.Job[int64]{From: from, Parts: parts, Do: increment})); err != nil {
						t.Fatal(err)
					}
					once(t, s, rows)
				})
			}
		}
	}
}

// What comes after the start is not the backfill's, and what has gone does not matter.
func TestTheBoundIsFixedAtTheStart(t *testing.T) {
	for name, from := range map[string]backfill.Source[int64]{"keyset": keyset, "dense": backfill.Dense{Table: "rows", Key: "id"}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 100)
			stop := errors.New("stop")
			batches := 0
			job := backfill.Job[int64]{From: from, Size: 30, MaxSize: 30, MinSize: 30, Do: func(ctx context.Context, r backfill.Range[int64]) error {
				if batches++; batches == 2 {
					return stop
				}
				return increment(ctx, r)
			}}
			if err := run(t, s, foreground(job)); !errors.Is(err, stop) {
				t.Fatal(err)
			}
			exec(t, s, `DELETE FROM rows WHERE id IN (40, 41, 42, 100)`)
			exec(t, s, `INSERT INTO rows (id) VALUES (101), (1000)`)
			if err := run(t, s, foreground(job)); err != nil {
				t.Fatal(err)
			}
			if n := number(t, s, `SELECT count(*) FROM rows WHERE n = 1 AND id < 101`); n != 96 {
				t.Errorf("%d rows are done, want 96", n)
			}
			if n := number(t, s, `SELECT sum(n) FROM rows WHERE id > 100`); n != 0 {
				t.Errorf("%d rows that came later are done", n)
			}
		})
	}
}

func TestGapsAndConditions(t *testing.T) {
	s := open(t, 1000)
	exec(t, s, `DELETE FROM rows WHERE id % 7 <> 0`)
	exec(t, s, `INSERT INTO rows (id) VALUES (-5), (0), (9223372036854775807), (-9223372036854775807)`)
	exec(t, s, `UPDATE rows SET found = 'what?' WHERE id % 2 = 0`)
	var batches atomic.Int64
	job := backfill.Job[int64]{
		From: backfill.Keyset[int64]{Table: "rows", Key: "id", Where: "found = 'what?'"}, Size: 10, MaxSize: 10, Parts: 3,
		Do: func(ctx context.Context, r backfill.Range[int64]) error {
			batches.Add(1)
			if r.Rows > 10 {
				t.Errorf("a batch of %d rows", r.Rows)
			}
			return increment(ctx, r)
		},
	}
	if err := run(t, s, foreground(job)); err != nil {
		t.Fatal(err)
	}
	if n := number(t, s, `SELECT count(*) FROM rows WHERE found IS NOT NULL AND n <> 1`); n != 0 {
		t.Errorf("%d rows were not done once", n)
	}
	if n, want := entry(t, s).Done, number(t, s, `SELECT count(*) FROM rows WHERE found IS NOT NULL`); n != int64(want) {
		t.Errorf("%d rows are counted, want %d", n, want)
	}
	if n := batches.Load(); n < 8 || n > 12 {
		t.Errorf("%d batches", n)
	}
}

// The order of the keys is the column's, in batches as between them.
func TestTextKeys(t *testing.T) {
	for _, collation := range []string{"BINARY", "NOCASE"} {
		t.Run(collation, func(t *testing.T) {
			s := open(t, 0)
			exec(t, s, `CREATE TABLE names (name text COLLATE `+collation+` PRIMARY KEY, n integer NOT NULL DEFAULT 0)`)
			exec(t, s, `INSERT INTO names (name) VALUES (''), ('a'), ('B'), ('c'), ('D'), ('e''s'), ('é'), ('Z'), ('~'), ('what?'), ('10'), ('9')`)
			job := backfill.Job[string]{
				From: backfill.Keyset[string]{Table: "names", Key: "name"}, Size: 2, MaxSize: 2, Parts: 3,
				Do: func(ctx context.Context, r backfill.Range[string]) error {
					return incrementNames(ctx, r)
				},
			}
			if err := run(t, s, foreground(job)); err != nil {
				t.Fatal(err)
			}
			if n := number(t, s, `SELECT count(*) FROM names WHERE n = 1`); n != 12 {
				t.Errorf("%d names were done once, want 12", n)
			}
		})
	}
}

func TestAChangedSourceIsRefused(t *testing.T) {
	s := open(t, 100)
	exec(t, s, `CREATE TABLE others (id integer PRIMARY KEY)`)
	stop := errors.New("stop")
	begin := func() {
		batches := 0
		op := foreground(backfill.Job[int64]{From: keyset, Size: 10, MaxSize: 10, Do: func(ctx context.Context, r backfill.Range[int64]) error {
			if batches++; batches > 1 {
				return stop
			}
			return increment(ctx, r)
		}})
		if err := run(t, s, op); !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	begin()
	for name, op := range map[string]seq.Op{
		"table":     foreground(backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "others", Key: "id"}, Do: increment}),
		"key":       foreground(backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "rows", Key: "n"}, Do: increment}),
		"type":      foreground(backfill.Job[string]{From: backfill.Keyset[string]{Table: "rows", Key: "id"}, Do: nothing[string]}),
		"source":    foreground(backfill.Job[int64]{From: backfill.Dense{Table: "rows", Key: "id"}, Do: increment}),
		"condition": foreground(backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "rows", Key: "id", Where: "n = 0"}, Do: increment}),
	} {
		t.Run(name, func(t *testing.T) {
			app := seq.New(s, op)
			p, err := app.Preview(t.Context())
			if err != nil || !strings.Contains(strings.Join(p.Steps[0].Notes, "\n"), "keyset rows.id (int64), the code has ") {
				t.Errorf("the plan: %q, %v", p.Steps[0].Notes, err)
			}
			if _, err := app.Run(t.Context(), seq.RetryFailed()); !errors.Is(err, backfill.ErrChanged) || !seq.IsPermanent(err) || !strings.Contains(err.Error(), "keyset rows.id (int64), the code has ") {
				t.Errorf("got %v", err)
			}
		})
	}
	// Done and undone, it begins anew, with whatever source.
	op := foreground(backfill.Job[int64]{From: keyset, Do: increment})
	op.Rollback = func(ctx context.Context) error { return update(ctx, `UPDATE rows SET n = 0`) }
	if _, err := seq.New(s, op).Run(t.Context(), seq.RetryFailed()); err != nil {
		t.Fatal(err)
	}
	once(t, s, 100)
	if _, err := seq.New(s, op).Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := run(t, s, foreground(backfill.Job[int64]{From: backfill.Dense{Table: "rows", Key: "id"}, Do: increment})); err != nil {
		t.Fatal(err)
	}
	once(t, s, 100)
}

func nothing[K any](context.Context, backfill.Range[K]) error { return nil }

func incrementNames(ctx context.Context, r backfill.Range[string]) error {
	return update(ctx, `UPDATE names SET n = n + 1 WHERE name BETWEEN ? AND ?`, r.First, r.Last)
}
