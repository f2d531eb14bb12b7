package recipes_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
)

// commandLine wants package cli to know a command and its flags: with --help it reads them and does nothing.
func commandLine(t *testing.T, file string, args []string) {
	t.Helper()
	var out bytes.Buffer
	s := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_fill_names", Run: func(context.Context) error { return nil }})
	line := slices.Concat(args, []string{"--help"})
	if code := cli.Execute(t.Context(), s, line, strings.NewReader(""), &out, &out); code != cli.OK {
		t.Errorf("%s: %s: exit code %d\n%s", file, strings.Join(args, " "), code, &out)
	}
	if len(args) > 0 && !strings.Contains(out.String(), " "+args[0]) {
		t.Errorf("%s: there is no command %q", file, args[0])
	}
}

// called is a command line of the program in a recipe, up to what a shell would end it with.
var called = regexp.MustCompile("(?m)(?:^|[ \t`(])(?:\\./|/|/usr/local/bin/)?(?:app|shop) ([a-z][^|`;)\n]*)")

// ended is what comes after a command's own words in a shell.
var ended = regexp.MustCompile(`\s+(#|&&|\|\||[0-9]?>).*$`)

func TestCommandLines(t *testing.T) {
	found := 0
	err := walk([]string{".", "../upgrade.md", "../stability.md"}, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !slices.Contains([]string{".md", ".yml", ".yaml", ".service", ".sql"}, filepath.Ext(file)) {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range called.FindAllStringSubmatch(string(text), -1) {
			words := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(ended.ReplaceAllString(m[1], ""), -1)
			if slices.Contains([]string{"is", "does", "as", "tables", "start", "starts", "and", "server"}, words[0]) {
				continue // prose
			}
			found++
			commandLine(t, file, words)
		}
		return nil
	})
	if err != nil || found < 20 {
		t.Errorf("%d command lines found (%v)", found, err)
	}
}

// walk visits the files below several roots.
func walk(roots []string, visit fs.WalkDirFunc) error {
	for _, root := range roots {
		if err := filepath.WalkDir(root, visit); err != nil {
			return err
		}
	}
	return nil
}

// link is a link of Markdown to a file.
var link = regexp.MustCompile(`\]\(([^)#:]+)[^):]*\)`)

func TestLinks(t *testing.T) {
	err := walk([]string{".", "../upgrade.md", "../stability.md", "../../README.md"}, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".md" {
			return err
		}
		text, err := os.ReadFile(file)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, gone := os.Stat(filepath.Join(filepath.Dir(file), m[1])); gone != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A workflow is what the recipe uses of one; any other field is an error.
type workflow struct {
	Name        string            `json:"name"`
	On          map[string]any    `json:"on"`
	Permissions map[string]string `json:"permissions"`
	Jobs        map[string]struct {
		If          string `json:"if"`
		RunsOn      string `json:"runs-on"`
		Environment string `json:"environment"`
		Concurrency string `json:"concurrency"`
		Timeout     int    `json:"timeout-minutes"`
		Steps       []struct {
			Name string            `json:"name"`
			If   string            `json:"if"`
			Uses string            `json:"uses"`
			With map[string]string `json:"with"`
			Env  map[string]string `json:"env"`
			Run  string            `json:"run"`
		} `json:"steps"`
	} `json:"jobs"`
}

func TestWorkflow(t *testing.T) {
	text, err := os.ReadFile("github-actions/deploy.yml")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("\non:\n"), []byte("\n\"on\":\n"), 1) // to YAML 1.1 on is true; to GitHub it is a key
	var w workflow
	if err := yaml.UnmarshalStrict(text, &w); err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for name, job := range w.Jobs {
		if job.RunsOn == "" || len(job.Steps) == 0 {
			t.Errorf("%s: %+v", name, job)
		}
		for _, step := range job.Steps {
			if (step.Run == "") == (step.Uses == "") {
				t.Errorf("%s: a step runs or uses something: %+v", name, step)
			}
			if step.Run != "" {
				scripts++
				shell(t, step.Run)
			}
			if strings.Contains(step.Run, "${{") {
				t.Errorf("%s: a script gets its values from the environment, not from a template:\n%s", name, step.Run)
			}
		}
	}
	if scripts < 4 {
		t.Errorf("%d scripts", scripts)
	}
}

// shell reads a script without running it.
func shell(t *testing.T, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-n")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, out, script)
	}
}

// directives are those of systemd that the units use, by section.
var directives = map[string][]string{
	"Unit":    {"Description", "Wants", "After", "Requires", "StartLimitIntervalSec", "StartLimitBurst"},
	"Service": {"Type", "RemainAfterExit", "User", "EnvironmentFile", "ExecStart", "TimeoutStopSec", "TimeoutStartSec", "Restart", "RestartSec", "RestartPreventExitStatus", "NoNewPrivileges", "ProtectSystem", "PrivateTmp"},
	"Install": {"WantedBy"},
}

func TestUnits(t *testing.T) {
	units, err := filepath.Glob("systemd/*.service")
	if err != nil || len(units) < 3 {
		t.Fatalf("%v, %v", units, err)
	}
	for _, file := range units {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		section, start := "", ""
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch key, value, is := strings.Cut(line, "="); {
			case line == "" || line[0] == '#':
			case line[0] == '[':
				section = strings.Trim(line, "[]")
			case !is || value == "" || !slices.Contains(directives[section], key):
				t.Errorf("%s: [%s] has no directive %q", file, section, line)
			case key == "ExecStart":
				start = value
			case key == "Requires" || key == "After" || key == "Wants":
				for unit := range strings.FieldsSeq(value) {
					if strings.HasPrefix(unit, "shop") && !slices.Contains(units, "systemd/"+unit) {
						t.Errorf("%s: %s is not here", file, unit)
					}
				}
			}
		}
		if !strings.HasPrefix(start, "/") {
			t.Errorf("%s starts %q", file, start)
		}
	}
}
