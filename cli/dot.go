package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/sequencer-go/seq/plan"
)

// drawDot draws a plan for Graphviz, a cluster a wave.
func drawDot(out io.Writer, plan *plan.Plan) {
	fmt.Fprintf(out, "digraph plan {\n  label=%s;\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n", dotText(plan.Strategy+", plan "+plan.Hash()))
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if i == 0 || plan.Steps[i-1].Wave != s.Wave {
			fmt.Fprintf(out, "  subgraph cluster_%d {\n    label=\"wave %d\";\n", s.Wave+1, s.Wave+1)
		}
		style := ""
		if s.Skip != "" || s.Refused != "" {
			style = ", style=dashed"
		}
		fmt.Fprintf(out, "    s%d [label=%s%s];\n", i, dotText(append([]string{s.ID}, captions(s)...)...), style)
		if i == len(plan.Steps)-1 || plan.Steps[i+1].Wave != s.Wave {
			fmt.Fprintln(out, "  }")
		}
	}
	for i, edges := range arrows(plan) {
		for _, e := range edges {
			style := ""
			if !e.declared {
				style = " [style=dotted]"
			}
			fmt.Fprintf(out, "  s%d -> s%d%s;\n", e.from, i, style)
		}
	}
	fmt.Fprintln(out, "}")
}

// dotText is lines as a quoted string, in which only the quote and the backslash mean anything.
func dotText(lines ...string) string {
	safe := make([]string, len(lines))
	for i, line := range lines {
		safe[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(brief(line))
	}
	return `"` + strings.Join(safe, `\n`) + `"`
}
