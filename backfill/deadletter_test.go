package backfill_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/store"
)

var errBad = errors.New("bad row")

// bad fails for rows whose found is 'bad', as a constraint would.
func bad(ctx context.Context, r backfill.Range[int64]) error {
	if err := increment(ctx, r); err != nil {
		return err
	}
	return noBad(ctx, r)
}

func TestRowsThatFailArePutAside(t *testing.T) {
	for name, job := range map[string]backfill.Job[int64]{
		"keyset": {From: keyset, Parts: 3}, "dense": {From: backfill.Dense{Table: "rows", Key: "id"}, Parts: 2, Workers: 1}, "function": {From: chunks(3000)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 3000)
			exec(t, s, `UPDATE rows SET found = 'bad' WHERE id IN (1, 2, 700, 701, 2999, 3000)`)
			job.Do, job.DeadLetters, job.Size = bad, 6, 400
			if err := run(t, s, foreground(job)); err != nil {
				t.Fatal(err)
			}
			if n := number(t, s, `SELECT count(*) FROM rows WHERE n = CASE WHEN found IS NULL THEN 1 ELSE 0 END`); n != 3000 {
				t.Errorf("%d rows are as they should be, want 3000", n)
			}
			letters, err := backfill.DeadLetters(t.Context(), s, id)
			if err != nil {
				t.Fatal(err)
			}
			if len(letters) != 6 {
				t.Fatalf("%d letters: %v", len(letters), letters)
			}
			keys := map[string]bool{}
			for _, l := range letters {
				keys[l.Key] = true
				if l.Op != id || l.Times != 1 || l.At.IsZero() || !strings.Contains(l.Error, errBad.Error()) {
					t.Errorf("a letter: %+v", l)
				}
			}
			for _, k := range []int{1, 2, 700, 701, 2999, 3000} {
				if !keys[strconv.Itoa(k)] {
					t.Errorf("no letter of row %d: %v", k, keys)
				}
			}
			if e := entry(t, s); e.State != seq.Succeeded || e.Done != 3000 {
				t.Errorf("%s, %d done", e.State, e.Done)
			}

			// One row is mended, and all are tried again.
			exec(t, s, `UPDATE rows SET found = NULL WHERE id <> 700`)
			again := backfill.Retry("2026_11_02_110000_again", id, job)
			err = run(t, s, again)
			if err == nil || !strings.Contains(err.Error(), "1 of 6 dead letters failed again: rows 700: ") {
				t.Fatalf("got %v", err)
			}
			if letters, err = backfill.DeadLetters(t.Context(), s, id); err != nil || len(letters) != 1 || letters[0].Key != "700" || letters[0].Times != 2 {
				t.Errorf("left: %v, %v", letters, err)
			}
			exec(t, s, `UPDATE rows SET found = NULL`)
			if err := run(t, s, again); err != nil {
				t.Fatal(err)
			}
			once(t, s, 3000)
			if letters, err = backfill.DeadLetters(t.Context(), s, id); err != nil || len(letters) != 0 {
				t.Errorf("left: %v, %v", letters, err)
			}
		})
	}
}

func TestMoreRowsFailThanMay(t *testing.T) {
	s := open(t, 1000)
	exec(t, s, `UPDATE rows SET found = 'bad' WHERE id % 100 = 0`)
	op := foreground(backfill.Job[int64]{From: keyset, Do: bad, DeadLetters: 3})
	err := run(t, s, op)
	if !errors.Is(err, backfill.ErrDeadLetters) || !errors.Is(err, errBad) || !seq.IsPermanent(err) || !strings.Contains(err.Error(), "3 are there") {
		t.Fatalf("got %v", err)
	}
	letters, err := backfill.DeadLetters(t.Context(), s, id)
	if err != nil || len(letters) != 3 {
		t.Fatalf("%v, %v", letters, err)
	}
	if n := number(t, s, `SELECT count(*) FROM rows WHERE n = 1`); int64(n)+3 != entry(t, s).Done {
		t.Errorf("%d rows are done, the ledger says %d with the letters", n, entry(t, s).Done)
	}
	// A larger budget goes on.
	if _, err := seq.New(s, foreground(backfill.Job[int64]{From: keyset, Do: bad, DeadLetters: 10})).Run(t.Context(), seq.RetryFailed()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 990 {
		t.Errorf("%d rows are done, want 990", n)
	}
}

func TestWithoutABudgetTheFirstFailureIsTheOps(t *testing.T) {
	s := open(t, 1000)
	exec(t, s, `UPDATE rows SET found = 'bad' WHERE id = 700`)
	err := run(t, s, foreground(backfill.Job[int64]{From: keyset, Do: bad, Size: 200, MinSize: 200, MaxSize: 200}))
	if !errors.Is(err, errBad) || !strings.Contains(err.Error(), "rows 601 to 800: ") {
		t.Fatalf("got %v", err)
	}
	if letters, err := backfill.DeadLetters(t.Context(), s, id); err != nil || letters != nil {
		t.Errorf("%v, %v", letters, err)
	}
	if n := number(t, s, `SELECT count(*) FROM rows WHERE n = 1`); n != 600 {
		t.Errorf("%d rows are done, want 600", n)
	}
}

func TestDeadLettersNeedADatabase(t *testing.T) {
	ledger := store.NewMemory()
	err := run(t, ledger, foreground(backfill.Job[int64]{From: backfill.Dense{First: 1, Last: 10}, Do: nothing[int64], DeadLetters: 1}))
	if err == nil || !strings.Contains(err.Error(), "dead letters need a ledger in a SQL database") {
		t.Errorf("got %v", err)
	}
	if _, err := backfill.DDL(ledger); err == nil {
		t.Error("there is a DDL")
	}
	s := open(t, 0)
	ddl, err := backfill.DDL(s)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, s, ddl)
	exec(t, s, fmt.Sprintf(`INSERT INTO seq_dead_letters VALUES ('default', '%s', '1', '{}', 'boom', 1, 1)`, id))
	if letters, err := backfill.DeadLetters(t.Context(), s, id); err != nil || len(letters) != 1 {
		t.Errorf("%v, %v", letters, err)
	}
}
