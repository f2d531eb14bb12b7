package seq_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sequencer-go/seq"

// mayImport is the picture in docs/architecture.md: which packages of the module each package
// may import. A folder covers what is below it; "" is the root.
var mayImport = map[string][]string{
	// Small mechanisms, which know nothing of each other.
	"clock":              {},
	"internal/enum":      {},
	"internal/errtext":   {},
	"internal/graph":     {"internal/graph"},
	"internal/ident":     {},
	"internal/opctx":     {},
	"internal/pipeline":  {},
	"internal/role":      {},
	"internal/verdict":   {},
	"internal/dbsession": {},
	"internal/timelimit": {"clock", "internal/opctx", "internal/verdict"},
	// Contracts, each with its parts.
	"store":      {"clock", "internal/enum", "internal/errtext", "internal/opctx"},
	"plan":       {"store", "internal/enum", "internal/graph"},
	"exec":       {"clock", "plan", "internal/graph"},
	"middleware": {"clock", "store", "plan", "exec", "internal/enum", "internal/opctx", "internal/role", "internal/timelimit", "internal/verdict"},
	// The kernel.
	"internal/ledger":   {"clock", "store"},
	"internal/safecall": {"exec"},
	"internal/notify":   {"clock", "middleware"},
	"internal/engine":   {"clock", "store", "plan", "exec", "middleware", "internal"},
	// The door, and what stands before it.
	"":                  {"clock", "store", "plan", "exec", "middleware", "internal"},
	"strategies":        {"", "plan", "exec", "middleware", "internal/ident"},
	"store/bunstore":    {"clock", "store", "internal/opctx", "internal/dbsession", "internal/pipeline"},
	"store/sqlite":      {"clock", "store"},
	"store/postgres":    {"clock", "store", "internal/pipeline"},
	"seqtest":           {"", "clock", "plan", "exec", "middleware", "store", "internal/engine"},
	"internal/sim":      {"", "clock", "plan", "exec", "middleware", "strategies", "store", "seqtest", "internal/engine", "internal/role"},
	"internal/adoption": {""},
	"migrate":           {"", "clock", "middleware", "store", "store/bunstore", "internal/dbsession", "internal/adoption", "migrate"},
	"backfill":          {"", "clock", "store", "store/bunstore", "internal/safecall"},
	"console":           {"", "clock", "plan", "middleware", "store"},
	"examples":          {"", "clock", "plan", "exec", "middleware", "strategies", "store", "migrate", "backfill", "console", "examples"},
}

// TestImportsPointOneWay reads the imports of every file that is not a test.
func TestImportsPointOneWay(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." {
			if _, nested := os.Stat(filepath.Join(file, "go.mod")); nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder := strings.TrimPrefix(path.Dir(filepath.ToSlash(file)), ".")
		rule, known := ruleFor(folder)
		if !known {
			t.Errorf("%s: no rule says what this folder may import", file)
		}
		seen[rule] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			target := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
			if !allowed(mayImport[rule], target) {
				t.Errorf("%s imports %s", file, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rule := range mayImport {
		if !seen[rule] {
			t.Errorf("the rule for %q covers no file", rule)
		}
	}
}

func ruleFor(folder string) (string, bool) {
	for f := folder; ; f = strings.TrimPrefix(path.Dir(f), ".") {
		if _, ok := mayImport[f]; ok {
			return f, f != "" || folder == ""
		}
		if f == "" {
			return "", false
		}
	}
}

func allowed(targets []string, target string) bool {
	for _, t := range targets {
		if t == target || t != "" && strings.HasPrefix(target, t+"/") {
			return true
		}
	}
	return false
}

// TestUsersLinkOnlyWhatTheyUse asks the go command what each package pulls in.
func TestUsersLinkOnlyWhatTheyUse(t *testing.T) {
	drivers := []string{"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/uptrace/bun", "database/sql", "testing"}
	for pkg, banned := range map[string][]string{
		"":                drivers,
		"/plan":           drivers,
		"/exec":           drivers,
		"/middleware":     drivers,
		"/strategies":     drivers,
		"/store":          drivers,
		"/console":        drivers,
		"/seqtest":        drivers[:3],
		"/backfill":       {"modernc.org/sqlite", "github.com/jackc/pgx", "testing"},
		"/migrate":        {"modernc.org/sqlite", "github.com/jackc/pgx", "testing"},
		"/store/sqlite":   {"github.com/jackc/pgx", "github.com/uptrace/bun/dialect/pgdialect/", "testing"},
		"/store/postgres": {"modernc.org/sqlite", "testing"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", module+pkg, err)
		}
		for dep := range strings.Lines(string(out)) {
			for _, b := range banned {
				if dep = strings.TrimSpace(dep); dep == b || strings.HasPrefix(dep, b+"/") {
					t.Errorf("%s links %s", module+pkg, dep)
				}
			}
		}
	}
}
