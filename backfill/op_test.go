package backfill_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/store"
)

func TestWhatIsWrongWithADefinition(t *testing.T) {
	good := backfill.Job[int64]{From: keyset, Do: increment}
	with := func(change func(*backfill.Job[int64])) backfill.Definition {
		j := good
		change(&j)
		return j
	}
	call := func(context.Context, backfill.Range[int64], string) (int, error) { return 0, nil }
	keep := func(context.Context, backfill.Range[int64], int) error { return nil }
	for want, of := range map[string]backfill.Definition{
		"the job has no From\nbackfill: the job has no Do": nil,
		"the job has no From":                              backfill.Job[int64]{Do: increment},
		"the job has no Do":                                backfill.Job[int64]{From: keyset},
		"Keyset needs a Table and a Key":                   with(func(j *backfill.Job[int64]) { j.From = backfill.Keyset[int64]{Table: "rows"} }),
		"Dense needs both":                                 with(func(j *backfill.Job[int64]) { j.From = backfill.Dense{Key: "id"} }),
		"Dense has a Table":                                with(func(j *backfill.Job[int64]) { j.From = backfill.Dense{Table: "rows", Key: "id", Last: 7} }),
		"Dense from 7 to 6 has nothing in it":              with(func(j *backfill.Job[int64]) { j.From = backfill.Dense{First: 7, Last: 6} }),
		"Func has no Name":                                 with(func(j *backfill.Job[int64]) { j.From = backfill.Func[int64]{} }),
		"has no Next":                                      with(func(j *backfill.Job[int64]) { j.From = backfill.Func[int64]{Name: "a"} }),
		"cannot be cut into 2 parts":                       with(func(j *backfill.Job[int64]) { j.From, j.Parts = chunks(3), 2 }),
		"Target is -1ns":                                   with(func(j *backfill.Job[int64]) { j.Target = -1 }),
		"none may be negative":                             with(func(j *backfill.Job[int64]) { j.Size = -1 }),
		"MinSize is 20 and MaxSize 10":                     with(func(j *backfill.Job[int64]) { j.MinSize, j.MaxSize = 20, 10 }),
		"Duty is 1.5":                                      with(func(j *backfill.Job[int64]) { j.Duty = 1.5 }),
		"Parts is 65":                                      with(func(j *backfill.Job[int64]) { j.Parts = 65 }),
		"Workers is 3 with 2 parts":                        with(func(j *backfill.Job[int64]) { j.Parts, j.Workers = 2, 3 }),
		"DeadLetters is -1":                                with(func(j *backfill.Job[int64]) { j.DeadLetters = -1 }),
		`Gates[0] "mine" has no Ask`:                       with(func(j *backfill.Job[int64]) { j.Gates = []backfill.Gate{{Name: "mine"}} }),
		"Gates[1]: Window(1h0m0s, 1h0m0s): want two": with(func(j *backfill.Job[int64]) {
			j.Gates = []backfill.Gate{backfill.LockWaits(0), backfill.Window(time.Hour, time.Hour, nil)}
		}),
		"Gates[0]: ReplicaLag(0s)":        with(func(j *backfill.Job[int64]) { j.Gates = []backfill.Gate{backfill.ReplicaLag(0)} }),
		"Gates[0]: LockWaits(-1)":         with(func(j *backfill.Job[int64]) { j.Gates = []backfill.Gate{backfill.LockWaits(-1)} }),
		`Gates[0]: Query("", "SELECT 1")`: with(func(j *backfill.Job[int64]) { j.Gates = []backfill.Gate{backfill.Query("", "SELECT 1")} }),
		"Calls has a Do":                  backfill.Calls[int64, int]{Job: good, Call: call, Keep: keep},
		"needs both a Call and a Keep":    backfill.Calls[int64, int]{Job: backfill.Job[int64]{From: keyset}, Call: call},
	} {
		t.Run(want, func(t *testing.T) {
			app := seq.New(store.NewMemory(), backfill.Op(id, of))
			_, err := app.Run(t.Context())
			if !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), id) {
				t.Errorf("Run: %v", err)
			}
			if _, err := app.Preview(t.Context()); !errors.Is(err, seq.ErrInvalidOp) {
				t.Errorf("Preview: %v", err)
			}
		})
	}
}

// What is not as it must be in the database is a note in the plan, because a migration of the same deploy may
// mend it, and the op's error when it runs.
func TestWhatIsMissingInTheDatabase(t *testing.T) {
	s := open(t, 10)
	for want, job := range map[string]backfill.Job[int64]{
		"there is no table nothing":                {From: backfill.Keyset[int64]{Table: "nothing", Key: "id"}},
		"table rows has no column nothing":         {From: backfill.Dense{Table: "rows", Key: "nothing"}},
		"it is for Postgres, and the ledger is in": {From: keyset, Gates: []backfill.Gate{backfill.LockWaits(3)}},
	} {
		t.Run(want, func(t *testing.T) {
			job.Do = nothing[int64]
			app := seq.New(s, foreground(job))
			p, err := app.Preview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if notes := strings.Join(p.Steps[0].Notes, "\n"); !strings.Contains(notes, want) {
				t.Errorf("the plan notes %q", notes)
			}
			if _, err := app.Run(t.Context(), seq.RetryFailed()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Run: %v", err)
			}
		})
	}
	p, err := seq.New(s, foreground(backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "rows", Key: "n"}, Do: increment})).Preview(t.Context())
	if err != nil || !strings.Contains(strings.Join(p.Steps[0].Notes, "\n"), "rows.n has no index: each batch reads the whole table") {
		t.Errorf("%q, %v", p.Steps[0].Notes, err)
	}
	p, err = seq.New(s, foreground(backfill.Job[int64]{From: keyset, Do: increment})).Preview(t.Context())
	if err != nil || len(p.Steps[0].Notes) != 0 || p.Steps[0].Delivery != seq.Resumable {
		t.Errorf("%q, %s, %v", p.Steps[0].Notes, p.Steps[0].Delivery, err)
	}
	err = run(t, store.NewMemory(), foreground(backfill.Job[int64]{From: keyset, Do: increment}))
	if err == nil || !strings.Contains(err.Error(), "rows.id: the ledger is in no SQL database") {
		t.Errorf("got %v", err)
	}
	exec(t, s, `CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('ada')`)
	_, err = seq.New(s, foreground(backfill.Job[int64]{From: backfill.Keyset[int64]{Table: "names", Key: "name"}, Do: increment})).Run(t.Context(), seq.RetryFailed())
	if err == nil || !strings.Contains(err.Error(), "names.name, which is no int64") {
		t.Errorf("got %v", err)
	}
}

// A panic in a worker is the op's error, and a goroutine that ends is no success.
func TestABatchThatPanics(t *testing.T) {
	s := open(t, 100)
	err := run(t, s, foreground(backfill.Job[int64]{From: keyset, Parts: 4, Do: func(context.Context, backfill.Range[int64]) error { panic("boom") }}))
	if !errors.Is(err, seq.ErrPanic) {
		t.Errorf("got %v", err)
	}
	if n := number(t, s, `SELECT sum(n) FROM rows`); n != 0 {
		t.Errorf("%d rows are done", n)
	}
}
