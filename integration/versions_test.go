package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sequencer-go/seq/store/bunstore"
)

// later is what a later library has and this one does not: a state of an op, and one of a run. It knows all
// that this one knows.
var later = [][2]string{
	{`func (s State) String() string {`, "func (s State) String() string {\n\tif s == Tolerated {\n\t\treturn \"condoned\"\n\t}"},
	{`func ParseState(s string) (State, error) { return`, "func ParseState(s string) (State, error) {\n\tif s == \"condoned\" {\n\t\treturn Tolerated, nil\n\t}\n\treturn"},
	{`stateNames[:], s, "state") }`, "stateNames[:], s, \"state\")\n}"},
	{`return slices.Clone(stateNames[:])`, `return append(slices.Clone(stateNames[:]), "condoned")`},
	{`func (s RunState) String() string {`, "func (s RunState) String() string {\n\tif s == RunFailed {\n\t\treturn \"halted\"\n\t}"},
	{`func ParseRunState(s string) (RunState, error) {`, "func ParseRunState(s string) (RunState, error) {\n\tif s == \"halted\" {\n\t\treturn RunFailed, nil\n\t}"},
}

// versions builds the program of the folder versions with this library and with a later one.
func versions(t *testing.T) (now, next string) {
	t.Helper()
	state, err := filepath.Abs("../store/state.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range later {
		if bytes.Count(text, []byte(change[0])) != 1 {
			t.Fatalf("%s does not have %q once", state, change[0])
		}
		text = bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
	}
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {state: filepath.Join(dir, "state.go")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"state.go": text, "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now, next = filepath.Join(dir, "now"), filepath.Join(dir, "next")
	for _, args := range [][]string{{"-o", now}, {"-o", next, "-overlay", filepath.Join(dir, "overlay.json")}} {
		build := exec.CommandContext(t.Context(), "go", append(append([]string{"build"}, args...), "./versions")...)
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	return now, next
}

// found is what a process of the program says.
type found struct {
	Err      string
	Findings []string
	Ops      map[string]string
	Runs     []string
}

func service(t *testing.T, binary, dsn, ops string) (f found) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, dsn, ops)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(said, &f)
	}
	if err != nil {
		t.Fatalf("%s with %s: %v\n%s", filepath.Base(binary), ops, err, said)
	}
	short := map[string]string{}
	for id, state := range f.Ops {
		short[strings.TrimPrefix(id, "2024_01_15_120000_")] = state
	}
	f.Ops = short
	return f
}

// TestTwoVersionsOnOneLedger has a service and its next release at one ledger, as in a deploy: the older one leaves alone
// what the newer one says in words of its own, and goes on with the rest; the newer one knows all that the older
// one wrote; and both do each op once when they start at the same time.
func TestTwoVersionsOnOneLedger(t *testing.T) {
	now, next := versions(t)
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		effects(t, s)
		want := func(step string, f found, err string, findings, runs []string, ops map[string]string) {
			t.Helper()
			if !strings.Contains(f.Err, err) || (f.Err == "") != (err == "") {
				t.Errorf("%s: the error is %q, want %q", step, f.Err, err)
			}
			if !slices.Equal(f.Findings, findings) || !slices.Equal(f.Runs, runs) {
				t.Errorf("%s: the findings are %q, want %q; the runs are %q, want %q", step, f.Findings, findings, f.Runs, runs)
			}
			if got := fmt.Sprint(f.Ops); got != fmt.Sprint(ops) {
				t.Errorf("%s: the ledger has %s, want %s", step, got, fmt.Sprint(ops))
			}
		}

		f := service(t, now, dsn, "a,b")
		want("the older one", f, "", nil, []string{"succeeded"}, map[string]string{"a": "succeeded", "b": "succeeded"})

		f = service(t, next, dsn, "a,b,c!fails?may,d<b,e!fails")
		want("the newer one", f, "e fails", nil, []string{"halted", "succeeded"},
			map[string]string{"a": "succeeded", "b": "succeeded", "c": "condoned", "d": "succeeded", "e": "failed"})

		f = service(t, now, dsn, "a,b,c,f<c,g")
		want("the older one beside it", f, "", []string{"2024_01_15_120000_c"}, []string{"succeeded", `state "halted"`, "succeeded"},
			map[string]string{"a": "succeeded", "b": "succeeded", "c": `state "condoned"`, "d": "succeeded", "e": "failed", "f": "skipped", "g": "succeeded"})

		f = service(t, next, dsn, "a,b,c,d<b,e,f<c,g")
		want("the newer one, mended", f, "", nil, []string{"succeeded", "succeeded", "halted", "succeeded"},
			map[string]string{"a": "succeeded", "b": "succeeded", "c": "succeeded", "d": "succeeded", "e": "succeeded", "f": "succeeded", "g": "succeeded"})

		f = service(t, now, dsn, "a,b,c,d<b,e,f<c,g,h")
		if f.Err != "" || len(f.Findings) > 0 || f.Ops["h"] != "succeeded" || f.Runs[len(f.Runs)-2] != `state "halted"` {
			t.Errorf("the older one, afterwards: %+v", f)
		}

		var wg sync.WaitGroup
		for range 2 {
			for _, binary := range []string{now, next} {
				wg.Go(func() { service(t, binary, dsn, "i,j<i,k<j,l,m<b") })
			}
		}
		wg.Wait()
		for name := range strings.SplitSeq("abcdefghijklm", "") {
			if n := count(t, s, "2024_01_15_120000_"+name, "done"); n != 1 {
				t.Errorf("%s took effect %d times", name, n)
			}
		}
		wantNoOpenAttempt(t, s)
	})
}

// wantNoOpenAttempt fails if somebody has left an attempt open.
func wantNoOpenAttempt(t *testing.T, s *bunstore.Store) {
	t.Helper()
	entries, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.State.Open() {
			t.Errorf("%s is %s", e.ID, e.State)
		}
	}
}
