package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A DeadLetter is a row, rarely a range of rows, that a backfill has put aside because it failed.
type DeadLetter struct {
	Op    string
	Key   string          // of the row, for people
	Range json.RawMessage // the [Range]
	Error string          // what it failed with last
	Times int             // how often it failed
	At    time.Time       // when it failed last, by the database's clock
}

// ErrDeadLetters means that more rows failed than the job's DeadLetters allows to put aside.
var ErrDeadLetters = errors.New("too many dead letters")

// DDL is the text of what creates the table of dead letters beside the ledger. A job with DeadLetters executes
// it when it begins and there is no table; it is for those whose service may not create tables. The
// service needs SELECT, INSERT, UPDATE and DELETE on it. It fails if the ledger is in no SQL database.
func DDL(ledger store.Store) (string, error) {
	d := databaseOf(ledger)
	if d == nil {
		return "", errNoTable
	}
	return d.ledger.Expand(createLetters) + ";\n", nil
}

var errNoTable = errors.New("dead letters need a ledger in a SQL database")

const (
	createLetters = `CREATE TABLE IF NOT EXISTS {dead_letters} (
	ns {key} NOT NULL, op {key} NOT NULL, "key" {key} NOT NULL,
	"range" text NOT NULL,
	error text NOT NULL,
	times bigint NOT NULL,
	at bigint NOT NULL,
	PRIMARY KEY (ns, op, "key")
){table}`
	findLetters = `SELECT count(*) FROM (SELECT 1 FROM {dead_letters} LIMIT 1) AS one`
	putLetter   = `INSERT INTO {dead_letters} AS d (ns, op, "key", "range", error, times, at) VALUES ({ns}, ?, ?, ?, ?, 1, {now})
	ON CONFLICT (ns, op, "key") DO UPDATE SET "range" = excluded."range", error = excluded.error, times = d.times + 1, at = excluded.at`
	selectLetters = `SELECT "key", "range", error, times, at FROM {dead_letters} WHERE ns = {ns} AND op = ? ORDER BY at, "key"`
	deleteLetter  = `DELETE FROM {dead_letters} WHERE ns = {ns} AND op = ? AND "key" = ?`
)

// DeadLetters lists what a backfill has put aside, the oldest first. [Retry] makes an op that does them again.
func DeadLetters(ctx context.Context, ledger store.Store, id string) ([]DeadLetter, error) {
	d := databaseOf(ledger)
	if d == nil {
		return nil, errNoTable
	}
	letters, err := d.letters(ctx, id)
	if err != nil {
		if _, missing := d.lettersMissing(ctx); missing {
			return nil, nil // nobody has put anything aside
		}
		return nil, fmt.Errorf("read the dead letters of %s: %w", id, err)
	}
	return letters, nil
}

func (d *database) letters(ctx context.Context, id string) (letters []DeadLetter, err error) {
	rows, err := d.QueryContext(ctx, d.ledger.Expand(selectLetters), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		l := DeadLetter{Op: id}
		var at int64
		if err := rows.Scan(&l.Key, (*[]byte)(&l.Range), &l.Error, &l.Times, &at); err != nil {
			return nil, err
		}
		l.At = time.UnixMilli(at)
		letters = append(letters, l)
	}
	return letters, rows.Err()
}

// lettersMissing reports whether a query fails because there is no table.
func (d *database) lettersMissing(ctx context.Context) (err error, missing bool) {
	var n int
	err = d.QueryRowContext(ctx, d.ledger.Expand(findLetters)).Scan(&n)
	return err, bunstore.MissingTable(err)
}

// letters is the table of dead letters.
type letters struct{ ledger *bunstore.Store }

// openLetters finds the table, or makes it.
func openLetters(ctx context.Context, d *database) (*letters, error) {
	if d == nil {
		return nil, errNoTable
	}
	err, missing := d.lettersMissing(ctx)
	if missing {
		_, err = d.ExecContext(ctx, "?", bun.Safe(d.ledger.Expand(createLetters)))
		if bunstore.SQLState(err) == "42501" { // insufficient privilege
			err = fmt.Errorf("create the table, or let a role that may execute what backfill.DDL returns: %w", err)
		}
	}
	if err != nil {
		if again, _ := d.lettersMissing(ctx); again != nil { // else another process was faster
			return nil, fmt.Errorf("the table of dead letters: %w", err)
		}
	}
	return &letters{d.ledger}, nil
}

// put writes a dead letter, in the transaction of ctx.
func (l *letters) put(ctx context.Context, op, key string, rng any, why error) error {
	data, err := json.Marshal(rng)
	if err != nil {
		return err
	}
	_, err = bunstore.DB(ctx).ExecContext(ctx, l.ledger.Expand(putLetter), op, key, string(data), store.ErrorText(why))
	return err
}

// putAside puts a range aside whose rows failed, and moves the cursor past it.
func (r *runner[K]) putAside(ctx context.Context, i int, rng *Range[K], failed *rowsError) error {
	info, _ := seq.Info(ctx)
	_, err := r.patiently(ctx, func() (time.Duration, error) {
		return r.commit(ctx, i, func(ctx context.Context) error {
			return r.letters.put(ctx, info.ID, rng.String(), rng, failed.own)
		}, r.part(i).past(rng), 1)
	})
	if errors.Is(err, ErrDeadLetters) {
		return seq.Permanent(fmt.Errorf("%w: %d are there, which is all that the job allows, and the next failed: %w", ErrDeadLetters, r.DeadLetters, failed.error))
	}
	return err
}
