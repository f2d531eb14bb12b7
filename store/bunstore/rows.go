package bunstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/store"
)

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

// time is the zero time for NULL.
func (r *row) time(i int) time.Time {
	if r.values[i] == nil {
		return time.Time{}
	}
	return time.UnixMilli(r.number(i)).UTC()
}

// owner reads an owner from column i, and its binary from the one behind it.
func (r *row) owner(i int) store.Owner {
	o := r.holder(i)
	o.Binary = r.text(i + 1)
	return o
}

// holder reads an owner from column i.
func (r *row) holder(i int) store.Owner {
	text := r.text(i)
	if text == "" {
		return store.Owner{}
	}
	var kept ownerText
	if err := json.Unmarshal([]byte(text), &kept); err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: column %d: want an owner, got %.100q", store.ErrUnknownValue, i+1, text)
	}
	return store.Owner{Host: kept.Host, PID: kept.PID, Revision: kept.Revision, Actor: kept.Actor, Binary: kept.Binary}
}

// msOf is a time span from milliseconds.
func msOf(r *row, i int) time.Duration { return time.Duration(r.number(i)) * time.Millisecond }

// ownerText is an owner as the ledger keeps it, for people: in JSON, so that there may be more of it
// one day.
type ownerText struct {
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	Revision string `json:"revision,omitempty"`
	Actor    string `json:"actor,omitempty"`
	Binary   string `json:"binary,omitempty"` // only of who holds a lease: elsewhere it has a column of its own
}

// ownerOf is the text of an owner. The owners of a store are few, and mostly one.
func (s *Store) ownerOf(o store.Owner) string {
	if last := s.owner.Load(); last != nil && last.owner == o {
		return last.text
	}
	text, err := json.Marshal(ownerText{clean(o.Host), o.PID, clean(o.Revision), clean(o.Actor), ""})
	if err != nil {
		return "{}" // there is nothing in it that could not be marshalled
	}
	s.owner.Store(&lastOwner{o, string(text)})
	return string(text)
}

type lastOwner struct {
	owner store.Owner
	text  string
}

func (r *row) expect(i int, what string) {
	if r.err == nil && r.values[i] != nil {
		r.err = fmt.Errorf("column %d: want %s, got %T", i+1, what, r.values[i])
	}
}
