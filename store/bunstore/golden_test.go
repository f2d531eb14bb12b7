package bunstore_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/sequencer-go/seq/store/bunstore"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestStatements compares every statement, as it is sent, with testdata. A change of one is a change of
// what the mutants and the decisions are about: look at both, then call it with -update.
func TestStatements(t *testing.T) {
	for name, s := range map[string]*bunstore.Store{
		"sqlite":   bunstore.New(unused(t)),
		"postgres": bunstore.New(bun.NewDB(unused(t).DB, pgdialect.New()), bunstore.Schema("deploys")),
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			texts := s.Texts()
			for _, name := range slices.Sorted(maps.Keys(texts)) {
				got.WriteString("-- " + name + "\n" + texts[name] + ";\n\n")
			}
			got.WriteString("-- all that Acquire executes for a new ledger\n" + s.DDL())
			path := filepath.Join("testdata", name+".sql")
			if *update {
				if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != got.String() {
				t.Errorf("the statements are not those of %s; see -update", path)
			}
		})
	}
}
