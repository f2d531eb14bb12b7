package tunnel

import (
	"database/sql"
	"database/sql/driver"
	"io"
	"reflect"
)

// rows hands on what a query found, as the driver at the other end made it: row by row, or from
// memory once another statement needed the connection.
type rows struct {
	*sql.Rows
	c       *connector
	columns []*sql.ColumnType

	drained bool
	memory  [][]driver.Value
	err     error // what came after the last row in memory
}

func (r *rows) Columns() []string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.Name()
	}
	return names
}

func (r *rows) Next(dest []driver.Value) error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if !r.drained {
		return r.next(dest)
	}
	if len(r.memory) == 0 {
		return r.err
	}
	copy(dest, r.memory[0])
	r.memory = r.memory[1:]
	return nil
}

// next reads a row from the database.
func (r *rows) next(dest []driver.Value) error {
	if !r.Rows.Next() {
		if err := r.Err(); err != nil {
			return r.c.failed(err)
		}
		return io.EOF
	}
	into := make([]any, len(dest))
	for i := range dest {
		into[i] = (*any)(&dest[i])
	}
	return r.Scan(into...)
}

// drain reads what is left into memory, so that the connection is free. Whoever calls it holds the
// lock.
func (r *rows) drain() {
	if r.drained {
		return
	}
	r.drained = true
	for r.err == nil {
		row := make([]driver.Value, len(r.columns))
		if r.err = r.next(row); r.err == nil {
			r.memory = append(r.memory, row)
		}
	}
	_ = r.Rows.Close()
}

func (r *rows) Close() error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.c.reading == r {
		r.c.reading = nil
	}
	r.memory, r.drained, r.err = nil, true, io.EOF
	return r.Rows.Close()
}

// What sql.Rows tells of its columns.

func (r *rows) ColumnTypeDatabaseTypeName(i int) string { return r.columns[i].DatabaseTypeName() }
func (r *rows) ColumnTypeLength(i int) (int64, bool)    { return r.columns[i].Length() }
func (r *rows) ColumnTypeNullable(i int) (bool, bool)   { return r.columns[i].Nullable() }

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return r.columns[i].DecimalSize()
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if t := r.columns[i].ScanType(); t != nil {
		return t
	}
	return reflect.TypeFor[any]()
}
