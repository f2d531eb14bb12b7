package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
)

// A plan in which a text that means something to Mermaid, HTML and Graphviz stands in a reason.
func drawn(t *testing.T) *desk {
	d := newDesk(t)
	lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	mark := store.Mark{ID: warm, State: seq.RollbackFailed, Reason: `"];<script>alert(1)</script> \N %% #35;`}
	if _, err := d.store.Write(t.Context(), lease, store.Batch{Marks: []store.Mark{mark}}); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMermaid(t *testing.T) {
	d := drawn(t)
	out := d.want(cli.OK, []string{
		"flowchart TD\n  subgraph wave1[\"wave 1\"]\n", "<br/>migration\"]\n", "  s0 --> s2\n", "stroke-dasharray",
		"#34;#93;#59;#60;script#62;alert(1)#60;#47;script#62;",
	}, "plan", "--format", "mermaid", "--strategy", "dependency-graph")
	if strings.Contains(out, "<script") || strings.Count(out, `"`)%2 != 0 {
		t.Errorf("a text breaks out of its quotes:\n%s", out)
	}
}

func TestDot(t *testing.T) {
	d := drawn(t)
	out := d.want(cli.OK, []string{
		"digraph plan {\n", "subgraph cluster_1 {\n", `label="wave 1"`, "  s0 -> s2;\n", `\"];<script>alert(1)</script> \\N`,
	}, "plan", "--format", "dot", "--strategy", "dependency-graph")
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Log("Graphviz is not here to read it")
		return
	}
	draw := exec.CommandContext(t.Context(), dot, "-Tsvg")
	draw.Stdin = strings.NewReader(out)
	if svg, err := draw.CombinedOutput(); err != nil {
		t.Errorf("Graphviz does not read it: %v\n%s\n%s", err, svg, out)
	}
}

func TestThePlanSaysWhy(t *testing.T) {
	d := drawn(t)
	d.want(cli.OK, []string{
		"wave 1\n", "├─ ", "└─ ", "(migration, can be undone)", "(cannot be undone)", "depends on " + create,
		"refused: rollback failed", "the strategy undoes a run that failed, and this one would stay",
	}, "plan", "--strategy", "transactional-batch")
	d.want(cli.OK, []string{"comes after " + create + ", by the strategy"}, "plan", "--strategy", "batch")
	d.want(cli.OK, []string{"rollback of 1 operation, the latest first"}, "plan", "--rollback")
	d.want(cli.OK, nil, "run", "--only", "create_tables")
	d.want(cli.OK, []string{"again: it has succeeded before"}, "plan", "--repeat", "--only", "create_tables")
}

// What runs one after another is a line a step, with the reasons behind it.
func TestASequentialPlanIsALineAStep(t *testing.T) {
	var ops []seq.Op
	for i := range 200 {
		op := seq.Op{ID: fmt.Sprintf("2023_01_01_%06d_a", i%60), Alias: fmt.Sprintf("%06d_a", i), Kind: seq.Migration, Run: func(context.Context) error { return nil }}
		op.ID += strconv.Itoa(i)
		if i > 0 {
			op.DependsOn = []string{ops[i-1].ID}
		}
		if i == 7 {
			op.Inspect = func(context.Context, seq.Inspection) (seq.Details, error) {
				return seq.Details{Notes: []string{"a note"}}, nil
			}
		}
		ops = append(ops, op)
	}
	d := newDesk(t, ops...)
	out := d.want(cli.OK, []string{
		"\n  " + ops[7].ID + "  (000007_a, migration, cannot be undone)  depends on " + ops[6].ID + "; a note\n",
	}, "plan")
	if lines := strings.Count(out, "\n"); lines != 1+200+4 {
		t.Errorf("%d lines for 204 steps", lines)
	}
	d.want(cli.OK, []string{`"alias":"000007_a","notes":["a note"]`}, "plan", "--json")
	d.want(cli.OK, []string{ops[7].ID, "000007_a"}, "show", "000007_a")
	d.want(cli.OK, []string{"1 succeeded", "running          " + ops[0].ID + " (000000_a)\n", "succeeded        " + ops[0].ID + " (000000_a)"}, "run", "--only", "000000_a")
}

func TestTheHashIsOfTheDecision(t *testing.T) {
	hash := func(d *desk) string {
		var plan struct {
			Hash  string
			Steps []struct{ ID string }
		}
		d.json(&plan, cli.OK, "plan", "--json")
		if plan.Hash == "" || len(plan.Steps) == 0 {
			t.Fatalf("got %+v", plan)
		}
		return plan.Hash
	}
	d := newDesk(t)
	seen := hash(d)
	if again := hash(d); again != seen {
		t.Errorf("%s, then %s", seen, again)
	}
	d.want(cli.OK, nil, "skip", "fill_names", "--reason", "not needed")
	d.want(cli.Refused, []string{"the plan has changed", "not " + seen}, "run", "--plan", seen)
	d.want(cli.OK, []string{"succeeded"}, "run", "--plan", hash(d))
	more := newDesk(t, seq.Op{ID: "2024_01_15_130000_more", Run: func(context.Context) error { return nil }})
	if hash(more) == seen {
		t.Error("a plan with one more step has the same hash")
	}
	out := more.want(cli.OK, nil, "plan", "--format", "json")
	if !json.Valid([]byte(out)) {
		t.Errorf("no JSON: %s", out)
	}
}
