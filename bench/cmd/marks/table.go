package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table prints the marks as Markdown, in columns. The noise is that of our own figure.
func (s samples) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintf(w, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	row("what", "ours", "noise", "against", "its figure", "ratio", "mark", "")
	row("---", "---", "---", "---", "---", "---", "---", "---")
	for _, m := range marks {
		ours, ok := s.median(m.name, m.unit)
		if !ok {
			continue // was not run
		}
		against, figure, reached := "", "", ours
		if m.peer != "" {
			theirs, ok := s.median(m.peer, m.unit)
			if !ok {
				continue
			}
			against, figure, reached = m.peer[strings.LastIndexByte(m.peer, '=')+1:], show(theirs, m.unit), ours/theirs
			if m.unit == "B/step" {
				against = m.peer
			}
		}
		ratio := ""
		if m.peer != "" {
			ratio = fmt.Sprintf("%.2f", reached)
		}
		row(m.what, show(ours, m.unit), fmt.Sprintf("±%.0f %%", 50*s.spread(m.name, m.unit)), against, figure, ratio, m.shown(), m.verdict(reached))
	}
	return w.Flush()
}

func (m mark) shown() string {
	switch {
	case m.limit == 0:
		return ""
	case m.peer != "":
		return fmt.Sprintf("≤ %g×", m.limit)
	default:
		return "≤ " + show(m.limit, m.unit)
	}
}

func (m mark) verdict(reached float64) string {
	switch {
	case m.limit == 0:
		return ""
	case reached <= m.limit:
		return "met"
	default:
		return "missed"
	}
}

// show is a figure with its unit, as people read it.
func show(v float64, unit string) string {
	switch {
	case unit == "ns/step" && v >= 10_000:
		return fmt.Sprintf("%.0f µs/step", v/1000)
	case unit == "makespan/bound":
		return fmt.Sprintf("%.3f × bound", v)
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	default:
		return fmt.Sprintf("%.3g %s", v, unit)
	}
}
