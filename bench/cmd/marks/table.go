package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table prints the marks as Markdown, in columns. The noise is that of our own figure. A mark
// whose benchmark did not run is left out, unless all were to run.
func (s samples) table(out io.Writer, all bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintf(w, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	row("what", "ours", "noise", "against", "its figure", "ratio", "mark", "")
	row("---", "---", "---", "---", "---", "---", "---", "---")
	for _, m := range marks {
		ours, ran := s.median(m.name, m.unit)
		theirs, theyRan := s.median(m.peer, m.unit)
		if !ran || m.peer != "" && !theyRan {
			if all {
				row(m.what, "not run: "+m.name, "", m.peer, "", "", m.shown(), "missed")
			}
			continue
		}
		noise := "one round"
		if len(s[key{m.name, m.unit}]) > 1 {
			noise = fmt.Sprintf("±%.0f %%", 50*s.spread(m.name, m.unit))
		}
		if m.peer == "" {
			row(m.what, show(ours, m.unit), noise, "", "", "", m.shown(), m.verdict(ours))
			continue
		}
		row(m.what, show(ours, m.unit), noise, m.against(), show(theirs, m.unit), fmt.Sprintf("%.2f", ours/theirs), m.shown(), m.verdict(ours/theirs))
	}
	return w.Flush()
}

// against is what tells the peer from the benchmark itself.
func (m mark) against() string {
	ours, theirs := strings.Split(m.name, "/"), strings.Split(m.peer, "/")
	var differ []string
	for i, part := range theirs {
		if i >= len(ours) || ours[i] != part {
			differ = append(differ, part[strings.IndexByte(part, '=')+1:])
		}
	}
	return strings.Join(differ, " ")
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
	case unit == ratio || unit == ttls:
		return fmt.Sprintf("%.3f × %s", v, unit[strings.IndexByte(unit, '/')+1:])
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	default:
		return fmt.Sprintf("%.3g %s", v, unit)
	}
}
