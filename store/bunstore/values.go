package bunstore

import "github.com/uptrace/bun"

// What one statement holds at most: enough to make round trips cheap, little enough for any
// database's limit on the length of a statement.
const (
	chunkRows  = 5000
	chunkBytes = 768 << 10
)

// inChunks writes items as the rows of VALUES clauses, and calls do with as many at a time as
// one statement may hold.
func inChunks[T any](c *changes, items []T, columns func(*T) []any, do func(chunk []T, values bun.Safe) error) error {
	for len(items) > 0 {
		var values []byte
		n := 0
		for n < len(items) && n < chunkRows && len(values) < chunkBytes {
			if n > 0 {
				values = append(values, ',')
			}
			for i, column := range columns(&items[n]) {
				values = append(values, "(,"[min(i, 1)])
				values = c.store.gen.Append(values, column)
			}
			values = append(values, ')')
			n++
		}
		if err := do(items[:n], bun.Safe(values)); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}
