package seq_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snippetImports are the packages that snippets name. A snippet does not show its imports.
var snippetImports = map[string]string{
	"context": "context", "fmt": "fmt", "log": "log", "os": "os", "slices": "slices", "testing": "testing", "time": "time",
	"seq": module, "plan": module + "/plan", "exec": module + "/exec", "middleware": module + "/middleware",
	"store": module + "/store", "clock": module + "/clock", "strategies": module + "/strategies", "seqtest": module + "/seqtest", "backfill": module + "/backfill",
	"bunstore": module + "/store/bunstore", "sqlite": module + "/store/sqlite", "postgres": module + "/store/postgres",
	"fleet": module + "/fleet", "pgxpool": "github.com/jackc/pgx/v5/pgxpool",
	"cli": module + "/cli", "console": module + "/console", "migrate": module + "/migrate",
	"bunmigrate": module + "/migrate/bunmigrate", "goosemigrate": module + "/migrate/goosemigrate",
	"goose": "github.com/pressly/goose/v3", "bunmigrations": "github.com/uptrace/bun/migrate", "sql": "database/sql", "fs": "io/fs", "bun": "github.com/uptrace/bun",
}

// snippetNames are what snippets take for granted.
const snippetNames = `
var (
	ctx        = context.Background()
	t          *testing.T
	ops        []seq.Op
	operations []seq.Op
	ledger     store.Store
	sequencer  *seq.Sequencer
	db         *bun.DB
	fsys       fs.FS
	opts       []goose.ProviderOption
	migrations struct{ Migrations *bunmigrations.Migrations }
)
`

// TestSnippetsCompile type-checks the Go of README.md, of docs, and of the package comment. The snippets
// of one document are one package, so that one may use what another declares.
func TestSnippetsCompile(t *testing.T) {
	imports := snippetImporter(t)
	documents := map[string][]string{"seq.go": packageSnippets(t, "seq.go")}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if snippets := markdownSnippets(t, file); len(snippets) > 0 {
				documents[file] = snippets
			}
		}
	}
	for _, must := range []string{"seq.go", "README.md", "docs/migrations.md"} {
		if len(documents[must]) == 0 {
			t.Errorf("%s has no snippet", must)
		}
	}
	for document, snippets := range documents {
		t.Run(document, func(t *testing.T) {
			fset := token.NewFileSet()
			files := []*ast.File{snippetFile(t, fset, "names", snippetNames)}
			for n, snippet := range snippets {
				files = append(files, snippetFile(t, fset, fmt.Sprintf("%s, snippet %d", document, n+1), snippet))
			}
			config := types.Config{Importer: imports, Error: func(err error) {
				if e, ok := errors.AsType[types.Error](err); !ok || !e.Soft { // a variable or an import that is not used is fine
					t.Error(err)
				}
			}}
			_, _ = config.Check("snippets", fset, files, nil)
		})
	}
}

// snippetImporter reads what the go command has compiled.
func snippetImporter(t *testing.T) types.Importer {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, path := range snippetImports {
		args = append(args, path)
	}
	var stderr bytes.Buffer
	list := exec.CommandContext(t.Context(), "go", args...)
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		compiled[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })
}

// markdownSnippets are the blocks of Go in a document.
func markdownSnippets(t *testing.T, file string) (snippets []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split("\n"+string(text), "\n```go\n")[1:] {
		code, _, _ := strings.Cut(block, "\n```")
		snippets = append(snippets, code)
	}
	return snippets
}

// packageSnippets are the blocks of code in the comment of a package that look like Go.
func packageSnippets(t *testing.T, file string) (snippets []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range new(comment.Parser).Parse(parsed.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok && strings.Contains(code.Text, "{") {
			snippets = append(snippets, code.Text)
		}
	}
	return snippets
}

var (
	elidedBody = regexp.MustCompile(`\{ … \}`)
	elidedLine = regexp.MustCompile(`(?m)^\s*…$`)
	qualifier  = regexp.MustCompile(`\b([a-z]+)\.`)
)

// snippetFile makes a file of a snippet: of declarations, or else of statements.
func snippetFile(t *testing.T, fset *token.FileSet, name, code string) *ast.File {
	t.Helper()
	code = elidedLine.ReplaceAllString(elidedBody.ReplaceAllString(code, "{ panic(0) }"), "")
	var head strings.Builder
	head.WriteString("package snippets; import (")
	added := map[string]bool{}
	for _, match := range qualifier.FindAllStringSubmatch(code, -1) {
		if path, known := snippetImports[match[1]]; known && !added[match[1]] {
			added[match[1]] = true
			fmt.Fprintf(&head, "%s %q;", match[1], path)
		}
	}
	head.WriteString("); ")
	file, err := parser.ParseFile(fset, name, head.String()+code, parser.SkipObjectResolution)
	if err == nil {
		return file
	}
	statements, asStatements := parser.ParseFile(fset, name, head.String()+"func _() { "+code+"\n}", parser.SkipObjectResolution)
	if asStatements != nil {
		t.Fatalf("neither declarations (%v) nor statements (%v)", err, asStatements)
	}
	return statements
}

// TestNamedTestsExist: a promise names the tests that hold it, so each of them must be there.
func TestNamedTestsExist(t *testing.T) {
	declared := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "seqtest") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(text, -1) {
			declared[string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(string(text), -1) {
			if named++; !declared[m] && !strings.Contains(string(text), "\nfunc "+m+"(") { // a snippet shows readers one of their own
				t.Errorf("%s names %s, which no file declares", file, m)
			}
		}
	}
	if named < 100 {
		t.Errorf("found only %d names of tests", named)
	}
}
