package cli

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) create() *cobra.Command {
	var dir string
	var migration bool
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write the Go file of a new operation",
		Long: `Write a Go file that registers a new operation, named after the time and NAME. The file's name is the
operation's ID, for ever: the ledger knows it by that. The package is that of the folder.`,
		Example: `  {{name}} new fill_names
  {{name}} new AddCountryColumn --migration --dir internal/upgrade`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := snake(args[0])
			if err != nil {
				return err
			}
			id := wall.Now().UTC().Format("2006_01_02_150405") + "_" + name
			if _, _, err := seq.ParseID(id); err != nil {
				return usage("%w", err)
			}
			_, err = os.Stat(dir)
			fresh := errors.Is(err, fs.ErrNotExist)
			file, err := a.write(dir, id, migration)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if a.json {
				return writeJSON(out, map[string]any{"id": id, "file": file})
			}
			fmt.Fprintf(out, "wrote %s\n", clean(file))
			if fresh {
				fmt.Fprintf(out, "the folder is new: import it for its effect, import _ \"…/%s\", where seq.New is called\n", clean(filepath.ToSlash(dir)))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "operations", "the `folder` of operations")
	cmd.Flags().BoolVar(&migration, "migration", false, "it changes the schema")
	_ = cmd.MarkFlagDirname("dir")
	return cmd
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
	if special.MatchString(out) {
		return "", usage("a Go file whose name ends in _%s is not always built; choose another name", out[strings.LastIndexByte(out, '_')+1:])
	}
	return out, nil
}

// special are the endings of file names to which Go gives a meaning of its own.
var special = regexp.MustCompile(`(^|_)(test|aix|android|darwin|dragonfly|freebsd|illumos|ios|js|linux|netbsd|openbsd|plan9|solaris|wasip1|windows|386|amd64|arm|arm64|loong64|mips|mipsle|mips64|mips64le|ppc64|ppc64le|riscv64|s390x|wasm)$`)

// write makes the file, and never over another one.
func (a *app) write(dir, id string, migration bool) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := skeleton.Execute(&text, map[string]any{"Package": packageOf(dir), "Migration": migration}); err != nil {
		return "", err
	}
	file := filepath.Join(dir, id+".go")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return "", err
	}
	_, err = f.Write(text.Bytes())
	return file, errors.Join(err, f.Close())
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
