package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sequencer-go/seq/cli"
)

func TestNewWritesAnOpThatCompiles(t *testing.T) {
	d := newDesk(t)
	dir, err := os.MkdirTemp(".", "testdata-new-") //nolint:usetesting // inside the module, so that it can be built
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "doc.go"), []byte("package upgrade\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := d.want(cli.OK, []string{"wrote "}, "new", "FillUserNames", "--dir", dir)
	file := strings.TrimSpace(strings.TrimPrefix(out, "wrote "))
	if !regexp.MustCompile(`^\d{4}_\d\d_\d\d_\d{6}_fill_user_names\.go$`).MatchString(filepath.Base(file)) {
		t.Errorf("the file is called %s", file)
	}
	var made struct{ ID, File string }
	if err := json.Unmarshal([]byte(d.want(cli.OK, nil, "new", "add column", "--migration", "--json", "--dir", dir)), &made); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(made.File)
	if err != nil || !strings.HasPrefix(string(text), "package upgrade\n") || !strings.Contains(string(text), "seq.Migration") {
		t.Errorf("%v:\n%s", err, text)
	}
	if said, err := exec.CommandContext(t.Context(), "go", "vet", "./"+dir).CombinedOutput(); err != nil {
		t.Errorf("it does not compile: %v\n%s", err, said)
	}
	if said, err := exec.CommandContext(t.Context(), "gofmt", "-l", dir).CombinedOutput(); err == nil && len(said) > 0 {
		t.Errorf("gofmt would change %s", said)
	}
}

func TestNewRefusesNamesThatGoWouldNotBuild(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	for name, says := range map[string]string{
		"fill_test": "_test", "port_to_linux": "_linux", "": "empty", "naïve": "letters", "a;b": "letters", strings.Repeat("x", 300): "long",
	} {
		d.want(cli.Usage, []string{says}, "new", name, "--dir", dir)
	}
	for _, ending := range []string{
		"aix", "zos", "hurd", "nacl", "ios", "wasip1", "wasm", "386", "amd64p32", "armbe", "arm64be", "mips64p32", "mips64p32le",
		"ppc", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "linux_ppc",
	} {
		d.want(cli.Usage, []string{"is not always built"}, "new", "x_"+ending, "--dir", dir)
		d.want(cli.Usage, []string{"is not always built"}, "new", ending, "--dir", dir)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("%v was written", files)
	}
}

func TestNewGivesNoTimestampTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that all are of one second
		d := newDesk(t)
		dir := filepath.Join(t.TempDir(), "my-ops")
		d.want(cli.OK, []string{"the folder is new"}, "new", "fill", "--dir", dir)
		d.want(cli.OK, nil, "new", "fill", "--dir", dir)
		d.want(cli.OK, nil, "new", "other", "--dir", dir)
		if got, want := names(t, dir), "2000_01_01_000000_fill.go 2000_01_01_000001_fill.go 2000_01_01_000002_other.go"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		text, err := os.ReadFile(filepath.Join(dir, "2000_01_01_000000_fill.go"))
		if err != nil || !strings.HasPrefix(string(text), "package myops\n") {
			t.Errorf("%v:\n%s", err, text)
		}
	})
}

// names are the files in a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestNewWritesSQLInTheFormatOfTheFolder(t *testing.T) {
	for name, tt := range map[string]struct{ there, want string }{
		"nothing":           {"", "20000101000000_fill.down.sql 20000101000000_fill.up.sql 20000101000001_fill.down.sql 20000101000001_fill.up.sql"},
		"golang-migrate":    {"000009_a.up.sql", "000009_a.up.sql 000010_fill.down.sql 000010_fill.up.sql 000011_fill.down.sql 000011_fill.up.sql"},
		"goose":             {"00001_a.sql", "00001_a.sql 00002_fill.sql 00003_fill.sql"},
		"goose with a date": {"20240115120000_a.sql", "20000101000000_fill.sql 20000101000001_fill.sql 20240115120000_a.sql"},
		"bun":               {"20240115120000_a.tx.up.sql", "20000101000000_fill.tx.down.sql 20000101000000_fill.tx.up.sql 20000101000001_fill.tx.down.sql 20000101000001_fill.tx.up.sql 20240115120000_a.tx.up.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.there != "" {
				if err := os.WriteFile(filepath.Join(dir, tt.there), []byte("-- +goose Up\nSELECT 1;\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.want(cli.OK, []string{"wrote "}, "new", "fill", "--sql", "--dir", dir)
				d.want(cli.OK, []string{`{"files":["`}, "new", "fill", "--sql", "--json", "--dir", dir)
			})
			if got := names(t, dir); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
			up := strings.Fields(tt.want)[len(strings.Fields(tt.want))-1]
			if tt.there == up {
				up = strings.Fields(tt.want)[1]
			}
			if text, err := os.ReadFile(filepath.Join(dir, up)); err != nil || !strings.Contains(string(text), "NOT WRITTEN YET;\n") {
				t.Errorf("%s: %v, %s", up, err, text)
			}
		})
	}
	d := newDesk(t)
	d.want(cli.OK, nil, "new", "port_to_linux", "--sql", "--dir", t.TempDir()) // no Go file
}

func TestCompletionOffersOps(t *testing.T) {
	d := newDesk(t)
	for _, args := range []string{"show", "history", "skip", "run", "run --only", "rollback --from"} {
		d.want(cli.OK, []string{fill + "\tpending"}, append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
	}
	d.want(cli.OK, []string{"dependency-graph"}, "__complete", "run", "--strategy", "")
	d.want(cli.OK, []string{"mermaid"}, "__complete", "plan", "--format", "")
	d.want(cli.OK, []string{"bash completion"}, "completion", "bash")
}
