package migrate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sequencer-go/seq/migrate"
)

// BenchmarkFiles reads a MiB of SQL. It is held to 30 ms of CPU: all of a history is read at each
// start, done or not.
func BenchmarkFiles(b *testing.B) {
	line := "ALTER TABLE a ADD COLUMN some_column_name text NOT NULL DEFAULT '';\n"
	large := strings.Repeat(line, 1<<20/len(line))
	odd := strings.Repeat("CREATE TABLE \"a\" (b text[] DEFAULT '{}', c text DEFAULT E'\\n'); -- it's\n", 1<<20/72)
	small := map[string]string{}
	for i := range 512 {
		small[fmt.Sprintf("%06d_a.up.sql", i)] = strings.Repeat(line, 2048/len(line))
	}
	for _, set := range []struct {
		name  string
		files map[string]string
	}{
		{"one file", map[string]string{"000001_a.up.sql": large}},
		{"one file of goose", map[string]string{"000001_a.sql": "-- +goose Up\n" + large}},
		{"one file of bun", map[string]string{"000001_a.tx.up.sql": large}},
		{"read unlike by the databases", map[string]string{"000001_a.up.sql": odd}},
		{"512 files", small},
	} {
		b.Run(set.name, func(b *testing.B) {
			fsys := folder(set.files)
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := migrate.Files(fsys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
