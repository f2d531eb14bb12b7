package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
)

// graph is the plan as a picture: a column per wave, a box per op, a line per dependency. All
// sizes are in pixels.
type graph struct {
	Width, Height int
	Columns       []column
	Boxes         []box
	Edges         []edge
	Hidden        int // boxes that had no room
}

type column struct {
	X     int
	Label string
}

type box struct {
	opView

	X, Y   int
	Bar    int // width of the progress so far
	Line   string
	Folded string // instead of an op: how many more there are
}

type edge struct {
	Path  string
	Class string
}

const (
	boxWidth, boxHeight = 220, 58
	gapX, gapY          = 56, 14
	topMargin           = 34
	rowsShown           = 12 // boxes of one column
	columnsShown        = 40
)

// draw lays the ops out. It is nil where a picture says no more than a list does: when every op has
// a wave of its own.
func draw(ops []opView) *graph {
	columns := columnsOf(ops)
	if len(columns) < 2 || len(columns) > columnsShown || !slices.ContainsFunc(columns, func(c []opView) bool { return len(c) > 1 }) {
		return nil
	}
	g := &graph{Width: len(columns)*(boxWidth+gapX) - gapX}
	at := map[string]*box{}
	for i, ops := range columns {
		x := i * (boxWidth + gapX)
		g.Columns = append(g.Columns, column{X: x, Label: fmt.Sprintf("Wave %d", i+1)})
		arrange(ops, at)
		for row, o := range ops {
			b := box{opView: o, X: x, Y: topMargin + row*(boxHeight+gapY)}
			if row == rowsShown-1 && len(ops) > rowsShown {
				b.Folded = fmt.Sprintf("%d more: %s", len(ops)-row, tally(ops[row:]))
				g.Hidden += len(ops) - row
				g.Boxes = append(g.Boxes, b)
				break
			}
			b.Line = short(27, lineOf(&o))
			b.Bar = max(o.Percent, 0) * (boxWidth - 24) / 100
			g.Boxes = append(g.Boxes, b)
			at[o.ID] = &b
		}
	}
	for i := range g.Boxes {
		b := &g.Boxes[i]
		g.Height = max(g.Height, b.Y+boxHeight)
		if b.Folded != "" {
			continue
		}
		for _, id := range b.DependsOn {
			if from := at[id]; from != nil {
				g.Edges = append(g.Edges, connect(from, b))
			}
		}
	}
	g.Height += 2
	return g
}

// columnsOf groups ops by wave.
func columnsOf(ops []opView) [][]opView {
	var columns [][]opView
	for _, o := range ops {
		if o.Wave == 0 {
			continue
		}
		for len(columns) < o.Wave {
			columns = append(columns, nil)
		}
		columns[o.Wave-1] = append(columns[o.Wave-1], o)
	}
	return columns
}

// arrange orders a column: if it is too long, what is not done comes first, since the rest is
// folded; then each op as near as can be to what it depends on, which crosses few lines (the
// barycentre heuristic of Sugiyama, Tagawa and Toda, 1981, in one pass).
func arrange(ops []opView, at map[string]*box) {
	if len(ops) > rowsShown {
		slices.SortStableFunc(ops, func(a, b opView) int { return cmp.Compare(settledRank(a), settledRank(b)) })
		return
	}
	centre := make(map[string]float64, len(ops))
	for i, o := range ops {
		sum, n := 0, 0
		for _, id := range o.DependsOn {
			if from := at[id]; from != nil {
				sum, n = sum+from.Y, n+1
			}
		}
		centre[o.ID] = float64(topMargin + i*(boxHeight+gapY))
		if n > 0 {
			centre[o.ID] = float64(sum) / float64(n)
		}
	}
	slices.SortStableFunc(ops, func(a, b opView) int { return cmp.Compare(centre[a.ID], centre[b.ID]) })
}

// settledRank is 0 for what people look for first.
func settledRank(o opView) int {
	switch o.Class {
	case "bad":
		return 0
	case "busy", "back", "warn":
		return 1
	case "idle", "time":
		return 2
	default:
		return 3
	}
}

// connect is a line from the right of one box to the left of another.
func connect(from, to *box) edge {
	x1, y1 := from.X+boxWidth, from.Y+boxHeight/2
	x2, y2 := to.X, to.Y+boxHeight/2
	bend := max(gapX/2, (x2-x1)/3)
	e := edge{Path: fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2), Class: "open"}
	if from.State.Done() {
		e.Class = "met"
	}
	return e
}

// tally is how many ops are in which state, in few words.
func tally(ops []opView) string {
	var words []string
	count := map[string]int{}
	for _, o := range ops {
		if count[o.Word] == 0 {
			words = append(words, o.Word)
		}
		count[o.Word]++
	}
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", count[w], w)
	}
	return strings.Join(words, ", ")
}

// lineOf is what there is room for in a box, under the name.
func lineOf(o *opView) string {
	switch {
	case o.Percent >= 0:
		return fmt.Sprintf("%s · %d %%", o.Word, o.Percent)
	case o.State == seq.Pending && o.Detail != "":
		return o.Detail
	case o.State.Open() || o.State == seq.Scheduled:
		return strings.TrimSuffix(o.Word+" · "+o.Detail, " · ")
	default:
		return o.Word
	}
}
