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
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("%v was written", files)
	}
}

func TestNewNeverWritesOverAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that both are of one second
		d := newDesk(t)
		dir := filepath.Join(t.TempDir(), "my-ops")
		d.want(cli.OK, []string{"the folder is new"}, "new", "fill", "--dir", dir)
		d.want(cli.Failed, []string{"exists"}, "new", "fill", "--dir", dir)
		text, err := os.ReadFile(filepath.Join(dir, "2000_01_01_000000_fill.go"))
		if err != nil || !strings.HasPrefix(string(text), "package myops\n") {
			t.Errorf("%v:\n%s", err, text)
		}
	})
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
