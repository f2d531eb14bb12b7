package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// sql makes a statement of its text and what it names.
func (s *Store) sql(query string, args ...any) string {
	return s.gen.FormatQuery(mutate(query), args...)
}

// mutate lets a test break a statement, to see whether other tests notice.
var mutate = func(query string) string { return query }

// exec runs a statement that answers with nothing. The finished statement goes to bun as one
// argument, because bun would look for question marks in it again.
func (s *Store) exec(ctx context.Context, c bun.IConn, query string, args ...any) error {
	_, err := c.ExecContext(ctx, "?", bun.Safe(s.sql(query, args...)))
	return err
}

// changes is exec for a statement that may find nothing to change.
func (s *Store) changes(ctx context.Context, c bun.IConn, query string, args ...any) (bool, error) {
	res, err := c.ExecContext(ctx, "?", bun.Safe(s.sql(query, args...)))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// matches runs a statement and reports whether it answers with a row.
func (s *Store) matches(ctx context.Context, c bun.IConn, query string, args ...any) (found bool, err error) {
	err = s.scan(ctx, c, func(*row) error { found = true; return nil }, query, args...)
	return found, err
}

// scan runs a statement and calls each with every row of its answer.
func (s *Store) scan(ctx context.Context, c bun.IConn, each func(*row) error, query string, args ...any) error {
	return s.scanText(ctx, c, each, s.sql(query, args...))
}

// scanText is scan for a statement that is finished.
func (s *Store) scanText(ctx context.Context, c bun.IConn, each func(*row) error, query string) error {
	rows, err := c.QueryContext(ctx, "?", bun.Safe(query))
	if err != nil {
		return err
	}
	return s.readRows(rows, each)
}

// readRows calls each, if it is not nil, with every row.
func (s *Store) readRows(rows *sql.Rows, each func(*row) error) error {
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	r := newRow(len(columns))
	r.strict = s.dialect.oneWriter
	for rows.Next() {
		if err := rows.Scan(r.into...); err != nil {
			return err
		}
		if each == nil {
			continue
		}
		if err := errors.Join(each(r), r.err); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A row is one row of an answer. Its columns are read by number, without reflection; the first
// one whose type is not the one asked for is kept as an error.
type row struct {
	values []any
	into   []any
	strict bool // bytes are no text: the database tells them apart, also as keys
	err    error
}

func newRow(columns int) *row {
	r := &row{values: make([]any, columns), into: make([]any, columns)}
	for i := range r.values {
		r.into[i] = &r.values[i]
	}
	return r
}

// text is "" for NULL.
func (r *row) text(i int) string {
	switch v := r.values[i].(type) {
	case string:
		return v
	case []byte:
		if r.strict && r.err == nil {
			r.err = fmt.Errorf("%w: column %d: want text, got the bytes %.100q", store.ErrUnknownValue, i+1, v)
		}
		return string(v)
	default:
		r.expect(i, "text")
		return ""
	}
}

// bytes is nil for NULL. The result is the caller's.
func (r *row) bytes(i int) []byte {
	switch v := r.values[i].(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	default:
		r.expect(i, "bytes")
		return nil
	}
}

// number is 0 for NULL.
func (r *row) number(i int) int64 {
	v, ok := r.values[i].(int64)
	if !ok {
		r.expect(i, "a number")
	}
	return v
}

func (r *row) truth(i int) bool {
	if v, ok := r.values[i].(bool); ok {
		return v
	}
	return r.number(i) != 0
}

// time is the zero time for NULL.
func (r *row) time(i int) time.Time {
	if r.values[i] == nil {
		return time.Time{}
	}
	return time.UnixMilli(r.number(i)).UTC()
}

// owner reads host, pid, revision and actor, from column i on.
func (r *row) owner(i int) store.Owner {
	return store.Owner{Host: r.text(i), PID: int(r.number(i + 1)), Revision: r.text(i + 2), Actor: r.text(i + 3)}
}

func (r *row) expect(i int, what string) {
	if r.err == nil && r.values[i] != nil {
		r.err = fmt.Errorf("column %d: want %s, got %T", i+1, what, r.values[i])
	}
}
