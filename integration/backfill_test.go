package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

const backfillID = "2026_11_01_110000_rows"

// withRows is a ledger on a new Postgres database that has a table rows, with so many rows whose n is 0.
func withRows(t *testing.T, rows int) *bunstore.Store {
	t.Helper()
	s := ledger(t, pgtest.DSN(t))
	pgExec(t, s, `CREATE TABLE rows (id bigint PRIMARY KEY, n integer NOT NULL DEFAULT 0, found text)`)
	pgExec(t, s, fmt.Sprintf(`INSERT INTO rows (id) SELECT generate_series(1, %d)`, rows))
	return s
}

func pgExec(t *testing.T, s *bunstore.Store, query string) {
	t.Helper()
	if _, err := s.DB().ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func pgNumber(t *testing.T, s *bunstore.Store, query string) (n int) {
	t.Helper()
	if err := s.DB().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func incrementRows(ctx context.Context, r backfill.Range[int64]) error {
	_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE rows SET n = n + 1 WHERE id BETWEEN ? AND ?`, r.First, r.Last)
	return err
}

func inForeground(of backfill.Definition) seq.Op {
	op := backfill.Op(backfillID, of)
	op.Background = false
	return op
}

func runOps(t *testing.T, s *bunstore.Store, ops ...seq.Op) error {
	t.Helper()
	_, err := seq.New(s, ops...).Run(t.Context())
	return err
}

func TestBackfillEveryRowOnce(t *testing.T) {
	const rows = 5000
	boom := errors.New("boom")
	for name, job := range map[string]backfill.Job[int64]{
		"keyset":        {From: backfill.Keyset[int64]{Table: "rows", Key: "id"}},
		"keyset, parts": {From: backfill.Keyset[int64]{Table: "public.rows", Key: "id", Where: "found IS NULL OR found = 'what?'"}, Parts: 7, Workers: 3},
		"dense":         {From: backfill.Dense{Table: "rows", Key: "id"}},
		"dense, parts":  {From: backfill.Dense{Table: "rows", Key: "id"}, Parts: 8},
	} {
		t.Run(name, func(t *testing.T) {
			s := withRows(t, rows)
			job.Size, job.MaxSize = 100, 100
			job.Do = func(ctx context.Context, r backfill.Range[int64]) error {
				if err := incrementRows(ctx, r); err != nil {
					return err
				}
				if rand.N(6) == 0 {
					return boom
				}
				return nil
			}
			failures := 0
			for err := boom; err != nil; {
				if err = runOps(t, s, inForeground(job)); err != nil && !errors.Is(err, boom) {
					t.Fatal(err)
				} else if err != nil {
					failures++
				}
			}
			if failures == 0 {
				t.Error("nothing failed")
			}
			if n := pgNumber(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != rows {
				t.Errorf("%d rows were done once, want %d", n, rows)
			}
			status, err := seq.New(s, inForeground(job)).Status(t.Context())
			if err != nil || status.Op(backfillID).Done != rows || status.Op(backfillID).Total != rows || status.Op(backfillID).Pace.Estimate != seq.EstimateDone {
				t.Errorf("%+v, %v", status.Op(backfillID), err)
			}
		})
	}
}

// Parts are in their transactions at the same time.
func TestBackfillPartsWorkSideBySide(t *testing.T) {
	s := withRows(t, 400)
	var meet sync.WaitGroup
	meet.Add(4)
	var once [4]sync.Once
	job := backfill.Job[int64]{From: backfill.Dense{Table: "rows", Key: "id"}, Parts: 4, Size: 50, Do: func(ctx context.Context, r backfill.Range[int64]) error {
		once[(r.First-1)/100].Do(func() { meet.Done(); meet.Wait() }) // each part waits for the others
		return incrementRows(ctx, r)
	}}
	if err := runOps(t, s, inForeground(job)); err != nil {
		t.Fatal(err)
	}
	if n := pgNumber(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 400 {
		t.Errorf("%d rows were done once", n)
	}
}

// Keys of any type are compared by the database.
func TestBackfillKeysOfOtherTypes(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	for name, column := range map[string][2]string{
		"text":      {`text COLLATE "C"`, `md5(i::text)`},
		"collated":  {`text COLLATE "de-x-icu"`, `CASE i % 3 WHEN 0 THEN upper(md5(i::text)) WHEN 1 THEN 'ä' || i ELSE md5(i::text) END`},
		"uuid":      {`uuid`, `md5(i::text)::uuid`},
		"timestamp": {`timestamp`, `timestamp '2026-01-01' + i * interval '1.000001 s'`},
		"instant":   {`timestamptz`, `timestamptz '2026-03-29 00:00:00+01' + i * interval '100.000001 s'`},
		"numeric":   {`numeric`, `i / 7.0`},
		"varchar":   {`varchar(40)`, `'O''Brien ? ' || i`},
	} {
		t.Run(name, func(t *testing.T) {
			pgExec(t, s, fmt.Sprintf(`CREATE TABLE "%s" (k %s PRIMARY KEY, n int NOT NULL DEFAULT 0)`, name, column[0]))
			pgExec(t, s, fmt.Sprintf(`INSERT INTO "%s" (k) SELECT %s FROM generate_series(1, 500) AS i`, name, column[1]))
			op := backfill.Op("2026_11_01_110000_"+name, backfill.Job[string]{
				From: backfill.Keyset[string]{Table: name, Key: "k"}, Size: 30, MaxSize: 30, Parts: 3,
				Do: func(ctx context.Context, r backfill.Range[string]) error {
					res, err := bunstore.DB(ctx).ExecContext(ctx, fmt.Sprintf(`UPDATE "%s" SET n = n + 1 WHERE k BETWEEN ? AND ?`, name), r.First, r.Last)
					if err != nil {
						return err
					}
					if n, err := res.RowsAffected(); err != nil || n != r.Rows {
						return fmt.Errorf("rows %s: %d were done, %d planned: %w", r, n, r.Rows, err)
					}
					return nil
				},
			})
			op.Background = false
			if err := runOps(t, s, op); err != nil {
				t.Fatal(err)
			}
			if n := pgNumber(t, s, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE n = 1`, name)); n != 500 {
				t.Errorf("%d rows were done once, want 500", n)
			}
		})
	}
}

// A batch that meets a lock gives way, and is tried again: nobody waits behind it for long.
func TestBackfillMeetsALock(t *testing.T) {
	s := withRows(t, 300)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `UPDATE rows SET found = 'mine' WHERE id = 150`); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	op := inForeground(backfill.Job[int64]{
		From: backfill.Dense{Table: "rows", Key: "id"}, Size: 100, MaxSize: 100, LockTimeout: 100 * time.Millisecond,
		Do: func(ctx context.Context, r backfill.Range[int64]) error {
			if calls.Add(1) == 4 { // the second range was refused twice
				if err := tx.Commit(); err != nil {
					return err
				}
			}
			return incrementRows(ctx, r)
		},
	})
	if err := runOps(t, s, op); err != nil {
		t.Fatal(err)
	}
	if n := pgNumber(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 300 || calls.Load() != 5 {
		t.Errorf("%d rows were done once, in %d calls; want 300 in 5", n, calls.Load())
	}
}

// One that is in the way for too long fails the op, which goes on later.
func TestBackfillGivesUpOnALock(t *testing.T) {
	s := withRows(t, 300)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE rows`); err != nil {
		t.Fatal(err)
	}
	op := inForeground(backfill.Job[int64]{From: backfill.Dense{First: 1, Last: 300}, LockTimeout: 10 * time.Millisecond, DeadLetters: 300, Do: incrementRows})
	err = runOps(t, s, op)
	if bunstore.SQLState(err) != "55P03" || !strings.Contains(err.Error(), "rows 1 to 300: ") {
		t.Fatalf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := runOps(t, s, op); err != nil {
		t.Fatal(err)
	}
	letters, err := backfill.DeadLetters(t.Context(), s, backfillID)
	if n := pgNumber(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 300 || len(letters) != 0 || err != nil {
		t.Errorf("%d rows, %v, %v", n, letters, err)
	}
}

func TestBackfillPutsAsideWhatFails(t *testing.T) {
	s := withRows(t, 5000)
	pgExec(t, s, `ALTER TABLE rows ADD CHECK (id % 1000 <> 7 OR n = 0)`)
	op := inForeground(backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "rows", Key: "id"}, Parts: 4, DeadLetters: 5, Do: incrementRows})
	if err := runOps(t, s, op); err != nil {
		t.Fatal(err)
	}
	if n := pgNumber(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 4995 {
		t.Errorf("%d rows were done once, want 4995", n)
	}
	letters, err := backfill.DeadLetters(t.Context(), s, backfillID)
	if err != nil || len(letters) != 5 {
		t.Fatalf("%v, %v", letters, err)
	}
	pgExec(t, s, `ALTER TABLE rows DROP CONSTRAINT rows_check`)
	if err := runOps(t, s, backfill.Retry("2026_11_02_110000_again", backfillID, backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "rows", Key: "id"}, Do: incrementRows})); err != nil {
		t.Fatal(err)
	}
	if n := pgNumber(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 5000 {
		t.Errorf("%d rows were done once, want 5000", n)
	}
}

// The gates of Postgres, asked by hand.
func TestBackfillGatesOfPostgres(t *testing.T) {
	s := withRows(t, 10)
	ask := func(g backfill.Gate) (stop string) {
		t.Helper()
		var gerr error
		op := seq.Op{ID: backfillID, Run: func(ctx context.Context) error {
			stop, gerr = g.Ask(ctx, time.Now())
			return nil
		}}
		if _, err := seq.New(s, op).Run(t.Context(), seq.Repeat()); err != nil || gerr != nil {
			t.Fatal(err, gerr)
		}
		return stop
	}
	if stop := ask(backfill.ReplicaLag(time.Second)); stop != "" {
		t.Errorf("without a standby: %q", stop)
	}
	if stop := ask(backfill.Query("few rows", `SELECT count(*) < 11 FROM rows`)); stop != "" {
		t.Errorf("a query that is true: %q", stop)
	}
	for _, query := range []string{`SELECT false`, `SELECT NULL`, `SELECT true WHERE false`, `SELECT count(*) > 11 FROM rows`} {
		if stop := ask(backfill.Query("q", query)); stop != "the query does not answer with true" {
			t.Errorf("%s: %q", query, stop)
		}
	}
	if stop := ask(backfill.LockWaits(0)); stop != "" {
		t.Errorf("nobody waits: %q", stop)
	}
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `UPDATE rows SET n = 7 WHERE id = 1`); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() {
		_, err := s.DB().ExecContext(t.Context(), `UPDATE rows SET n = 8 WHERE id = 1`)
		waits <- err
	}()
	for pgNumber(t, s, `SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 {
		if err := clock.Sleep(t.Context(), clock.Wall(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if stop := ask(backfill.LockWaits(0)); stop != "1 sessions wait for locks" {
		t.Errorf("one waits: %q", stop)
	}
	if stop := ask(backfill.LockWaits(1)); stop != "" {
		t.Errorf("one may wait: %q", stop)
	}
	if err := errors.Join(tx.Commit(), <-waits); err != nil {
		t.Fatal(err)
	}
}

// What is wrong with the key is said before anything runs.
func TestBackfillChecksTheKey(t *testing.T) {
	s := withRows(t, 10)
	pgExec(t, s, `CREATE TABLE "Odd" ("Key" bigint, part int); CREATE INDEX ON "Odd" ("Key") WHERE part = 1; CREATE INDEX ON "Odd" (part, "Key")`)
	for want, from := range map[string]backfill.Keyset[int64]{
		"":                                {Table: "rows", Key: "id"},
		"there is no table nothing":       {Table: "nothing", Key: "id"},
		"there is no table nowhere.rows":  {Table: "nowhere.rows", Key: "id"},
		"table public.rows has no column": {Table: "public.rows", Key: "nothing"},
		"Odd.Key has no index":            {Table: "Odd", Key: "Key"},
	} {
		p, err := seq.New(s, inForeground(backfill.Job[int64]{From: from, Do: incrementRows})).Preview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(p.Steps[0].Notes, "\n"); want == "" && notes != "" || !strings.Contains(notes, want) {
			t.Errorf("%+v: %q, want %q", from, notes, want)
		}
	}
}
