package bunstore

import "github.com/uptrace/bun"

// What one statement holds at most: enough to make round trips cheap, little enough for any
// database's limit on the length of a statement.
const (
	chunkRows  = 5000
	chunkBytes = 768 << 10
)

// valuesOf writes items as the rows of a VALUES clause.
func valuesOf[T any](o *often, items []T, columns func(*T) []any) bun.Safe {
	var values []byte
	for i := range items {
		values = appendRow(values, o, columns(&items[i]))
	}
	return bun.Safe(values)
}

func appendRow(values []byte, o *often, columns []any) []byte {
	if len(values) > 0 {
		values = append(values, ',')
	}
	for i, column := range columns {
		values = append(values, "(,"[min(i, 1)])
		values = o.store.gen.Append(values, o.put(column))
	}
	return append(values, ')')
}

// inChunks writes items as the rows of VALUES clauses, and calls do with as many at a time as
// one statement may hold.
func inChunks[T any](c *changes, items []T, columns func(*T) []any, do func(o *often, chunk []T, values bun.Safe) error) error {
	for len(items) > 0 {
		o := c.store.often(len(items) == 1)
		var values []byte
		n := 0
		for n < len(items) && n < chunkRows && len(values) < chunkBytes {
			values = appendRow(values, o, columns(&items[n]))
			n++
		}
		if err := do(o, items[:n], bun.Safe(values)); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}
