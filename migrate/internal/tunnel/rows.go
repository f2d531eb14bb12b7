package tunnel

import (
	"database/sql"
	"database/sql/driver"
	"io"
)

// rows hands on what a query found, as the driver at the other end made it.
type rows struct {
	*sql.Rows
	columns []string
}

func (r *rows) Columns() []string { return r.columns }

func (r *rows) Next(dest []driver.Value) error {
	if !r.Rows.Next() {
		if err := r.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	into := make([]any, len(dest))
	for i := range dest {
		into[i] = (*any)(&dest[i])
	}
	return r.Scan(into...)
}
