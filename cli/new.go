package cli

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) create() *cobra.Command {
	var dir string
	var migration, sql bool
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write the files of a new operation or migration",
		Long: `Write a Go file that registers a new operation, named after the time and NAME. The file's name is the
operation's ID, for ever: the ledger knows it by that. The package is that of the folder.

With --sql, write the SQL files of a new migration, in the format of the files in the folder (goose, bun,
or golang-migrate, which is also that of an empty folder), with the next number where they are numbered.

No two files of a folder get the same timestamp: the second one of a second gets the next second.`,
		Example: `  {{name}} new fill_names
  {{name}} new AddCountryColumn --migration --dir internal/upgrade
  {{name}} new add_country_column --sql`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := snake(args[0])
			if err != nil {
				return err
			}
			if sql && !cmd.Flags().Changed("dir") {
				dir = "migrations"
			}
			_, err = os.Stat(dir)
			fresh := errors.Is(err, fs.ErrNotExist)
			var id string
			var files []string
			if sql {
				files, err = a.writeSQL(dir, name)
			} else {
				id, files, err = a.writeGo(dir, name, migration)
			}
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case a.json && sql:
				return writeJSON(out, map[string]any{"files": files})
			case a.json:
				return writeJSON(out, map[string]any{"id": id, "file": files[0]})
			}
			for _, file := range files {
				fmt.Fprintf(out, "wrote %s\n", clean(file))
			}
			if fresh && !sql {
				fmt.Fprintf(out, "the folder is new: import it for its effect, import _ \"…/%s\", where seq.New is called\n", clean(filepath.ToSlash(dir)))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "operations", "the `folder`; with --sql it is migrations unless you say")
	cmd.Flags().BoolVar(&migration, "migration", false, "it changes the schema")
	cmd.Flags().BoolVar(&sql, "sql", false, "write the SQL files of a migration")
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

// writeGo writes the Go file of an op.
func (a *app) writeGo(dir, name string, migration bool) (id string, files []string, err error) {
	if ending := notAlwaysBuilt(name); ending != "" {
		return "", nil, usage("a Go file whose name ends in _%s is not always built; choose another name", ending)
	}
	id = a.free(dir).Format(idLayout) + "_" + name
	if _, _, err := seq.ParseID(id); err != nil {
		return "", nil, usage("%w", err)
	}
	var text bytes.Buffer
	if err := skeleton.Execute(&text, map[string]any{"Package": packageOf(dir), "Migration": migration}); err != nil {
		return "", nil, err
	}
	file := filepath.Join(dir, id+".go")
	return id, []string{file}, writeNew(file, text.String())
}

const idLayout = "2006_01_02_150405"

// free is the time, or the first second after it that no file of a folder and no registered op has
// for its timestamp.
func (a *app) free(dir string) time.Time {
	taken := map[time.Time]bool{}
	note := func(name string) {
		if at, _, err := seq.ParseID(strings.TrimRight(strings.SplitN(name, ".", 2)[0], "_")); err == nil {
			taken[at] = true
		}
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		note(e.Name())
	}
	for _, op := range a.s.Ops() {
		note(op.ID)
	}
	at := wall.Now().UTC().Truncate(time.Second)
	for taken[at] {
		at = at.Add(time.Second)
	}
	return at
}

// snake makes a name as IDs have it of one as people write it.
func snake(name string) (string, error) {
	var b strings.Builder
	before := '_'
	for _, r := range strings.TrimSuffix(name, ".go") {
		switch {
		case r == ' ' || r == '-' || r == '_' || r == '.' || r == '/':
			if before != '_' {
				b.WriteByte('_')
			}
			before = '_'
			continue
		case unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before)):
			b.WriteByte('_')
		}
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return "", usage("the name %q has %q in it; letters, digits, - and _ will do", name, r)
		}
		b.WriteRune(unicode.ToLower(r))
		before = r
	}
	out := strings.Trim(b.String(), "_")
	if out == "" {
		return "", usage("the name is empty; say what the operation does, as in fill_names")
	}
	return out, nil
}

// notAlwaysBuilt is the ending of a Go file's name by which Go builds it on some systems only, or as a
// test; "" if there is none. The go command's own rule is asked, with a system that has no name.
func notAlwaysBuilt(name string) string {
	ending := name[strings.LastIndexByte(name, '_')+1:]
	if ending == "test" {
		return ending
	}
	nowhere := build.Context{GOOS: "nowhere", GOARCH: "none", Compiler: "gc", OpenFile: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package x\n")), nil
	}}
	if built, err := nowhere.MatchFile("", "x_"+name+".go"); err == nil && !built {
		return ending
	}
	return ""
}

// writeNew makes a file and the folder it is in, and never writes over another one.
func writeNew(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// packageOf is the name of the package in a folder, or what it would be called.
func packageOf(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		if parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly); err == nil {
			return parsed.Name.Name
		}
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		full = dir
	}
	name := strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return -1
	}, filepath.Base(full))
	if name == "" || unicode.IsDigit(rune(name[0])) || token.IsKeyword(name) {
		return "operations"
	}
	return name
}

var skeleton = template.Must(template.New("op").Parse(`package {{.Package}}

import (
	"context"
	"errors"

	"github.com/sequencer-go/seq"
)

func init() {
	seq.Register(seq.Op{ // its ID is the name of this file
{{- if .Migration}}
		Kind: seq.Migration,
{{- end}}
		Run: func(ctx context.Context) error {
			return errors.New("not written yet")
		},
		Rollback: func(ctx context.Context) error {
			return errors.New("not written yet")
		},
	})
}
`))
