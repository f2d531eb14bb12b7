package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
)

// drawMermaid draws a plan as a Mermaid flowchart, a subgraph a wave.
func drawMermaid(out io.Writer, plan *plan.Plan) {
	fmt.Fprintf(out, "%%%% %s, plan %s\nflowchart TD\n", mermaidText(plan.Strategy), plan.Hash())
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if i == 0 || plan.Steps[i-1].Wave != s.Wave {
			fmt.Fprintf(out, "  subgraph wave%d[\"wave %d\"]\n", s.Wave+1, s.Wave+1)
		}
		text := []string{mermaidText(s.ID)}
		for _, note := range captions(s) {
			text = append(text, mermaidText(note))
		}
		fmt.Fprintf(out, "    s%d[\"%s\"]\n", i, strings.Join(text, "<br/>"))
		if i == len(plan.Steps)-1 || plan.Steps[i+1].Wave != s.Wave {
			fmt.Fprintln(out, "  end")
		}
	}
	for i, edges := range arrows(plan) {
		for _, e := range edges {
			line := "-->"
			if !e.declared {
				line = "-.->"
			}
			fmt.Fprintf(out, "  s%d %s s%d\n", e.from, line, i)
		}
	}
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.Skip != "" || s.Refused != "" {
			fmt.Fprintf(out, "  style s%d stroke-dasharray: 5 5\n", i)
		}
	}
}

// mermaidText is a text inside quotes: everything that Mermaid or HTML could read is an entity.
func mermaidText(text string) string {
	var b strings.Builder
	for _, r := range brief(text) {
		if r == ' ' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("_-.,:()", r) || r > 0x7f {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "#%d;", r)
	}
	return b.String()
}

// captions are what stands below a step's name in a picture.
func captions(s *plan.Step) []string {
	var list []string
	add := func(when bool, note string) {
		if when {
			list = append(list, note)
		}
	}
	add(s.Kind == seq.Migration, "migration")
	add(s.AllowedToFail, "allowed to fail")
	add(!s.Reversible, "cannot be undone")
	add(!s.NotBefore.IsZero(), "due "+stamp(s.NotBefore))
	add(s.Skip != "", "skipped: "+s.Skip)
	add(s.Refused != "", "refused: "+s.Refused)
	return list
}

// An arrow says that a step waits for another: because its op says so, or the strategy does.
type arrow struct {
	from     int
	declared bool
}

// arrows are what each step of a plan waits for, without what follows from the others.
func arrows(plan *plan.Plan) [][]arrow {
	index := map[string]int{}
	for i := range plan.Steps {
		index[plan.Steps[i].ID] = i
	}
	all := make([][]arrow, len(plan.Steps))
	for i := range plan.Steps {
		declared := map[int]bool{}
		for _, id := range plan.Steps[i].DependsOn {
			if j, there := index[id]; there {
				declared[j] = true
			}
		}
		implied := map[int]bool{}
		for _, j := range plan.Steps[i].After {
			for _, a := range plan.Steps[j].After {
				implied[a] = true
			}
		}
		for _, j := range plan.Steps[i].After {
			if declared[j] || !implied[j] {
				all[i] = append(all[i], arrow{j, declared[j]})
			}
		}
	}
	return all
}
