package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// graph is the plan as a picture: a column for each wave, or for several that hold one op each; a
// box for each op; a line for each dependency. All sizes are in pixels.
//
// A line runs between the columns, and crosses a column only on a lane of its own between the
// boxes, so that it never hides behind one (the dummy nodes of Sugiyama, Tagawa and Toda, 1981).
type graph struct {
	Width, Height int
	Columns       []label
	Boxes         []box
	Edges         []edge
	OnFocus       bool // too many lines: only those of one op to its neighbours are shown, when it has the focus
}

type label struct {
	X    int
	Text string
}

type box struct {
	opView

	N    int // its place among the boxes
	X, Y int
	Bar  int // width of the progress so far
	Line string
}

type edge struct {
	From, To int    // places among the boxes
	Path     string // empty if there is no room for the line
	Class    string
}

const (
	boxWidth, boxHeight = 240, 58
	laneHeight          = 4
	gapX, gapY          = 56, 14
	topMargin           = 34
	boxesShown          = 80 // more than that nobody finds anything in
	columnsShown        = 16
	columnLength        = 10  // boxes of one column
	edgesShown          = 160 // at once
	lanesShown          = 12  // of one column
)

// item is a place in a column: a box, or the lane of the lines that come from a box.
type item struct {
	box  int
	lane bool
	y    int
}

type columnItems struct {
	items []item
	chain bool
}

// draw lays the ops out. It is nil if there are too many of them.
func (s *snapshot) draw(strips []strip) *graph {
	g := &graph{}
	var columns []columnItems
	var column, strip []int // of each box
	place := map[string]int{}
	for k, t := range strips {
		for at := 0; at < len(t.ops); at += perColumn(len(t.ops)) {
			part := t.ops[at:min(at+perColumn(len(t.ops)), len(t.ops))]
			text := t.label()
			if at > 0 {
				text = t.name() + ", continued"
			}
			g.Columns = append(g.Columns, label{X: len(columns) * (boxWidth + gapX), Text: text})
			c := columnItems{chain: t.chain}
			for _, i := range part {
				n := len(g.Boxes)
				if n == boxesShown {
					return nil
				}
				b := box{opView: s.view(&s.Ops[i]), N: n, X: len(columns) * (boxWidth + gapX)}
				b.Line = short(30, lineOf(&b.opView))
				b.Bar = max(b.Percent, 0) * (boxWidth - 24) / 100
				g.Boxes = append(g.Boxes, b)
				place[b.ID] = n
				column, strip = append(column, len(columns)), append(strip, k)
				c.items = append(c.items, item{box: n})
			}
			columns = append(columns, c)
		}
	}
	if len(columns) > columnsShown {
		return nil
	}
	lanes := g.connect(column, strip, place)
	for i := range columns {
		columns[i].items = append(columns[i].items, lanes[i]...)
		if i > 0 {
			columns[i].arrange(g, columns[i-1], column, place)
		}
		columns[i].stack(g)
	}
	for i := range g.Edges {
		g.trace(&g.Edges[i], columns, column)
	}
	g.chains(columns, strip)
	g.Width, g.Height = len(columns)*(boxWidth+gapX)-gapX, g.Height+2
	return g
}

// perColumn spreads n boxes evenly over as few columns as they need.
func perColumn(n int) int {
	columns := (n + columnLength - 1) / columnLength
	return (n + columns - 1) / columns
}

// connect makes the edges, without their paths yet, and the lanes that they need in each column. It
// decides whether all are shown.
func (g *graph) connect(column, strip []int, place map[string]int) [][]item {
	lanes := make([][]item, len(g.Columns))
	most := 0
	for n := range g.Boxes {
		for _, id := range g.Boxes[n].DependsOn {
			from, known := place[id]
			if !known || column[from] >= column[n] || strip[from] == strip[n] { // within a chain the order says it
				continue
			}
			class := "open"
			if g.Boxes[from].State.Done() {
				class = "met"
			}
			g.Edges = append(g.Edges, edge{From: from, To: n, Class: class})
			for c := column[from] + 1; c < column[n]; c++ {
				if !slices.ContainsFunc(lanes[c], func(l item) bool { return l.box == from }) {
					lanes[c] = append(lanes[c], item{box: from, lane: true})
					most = max(most, len(lanes[c]))
				}
			}
		}
	}
	if g.OnFocus = len(g.Edges) > edgesShown || most > lanesShown; g.OnFocus {
		return make([][]item, len(g.Columns))
	}
	return lanes
}

// arrange orders a column so that few lines cross: each item goes as near as can be to what it
// comes from in the column before. A chain stays as it is, with its lanes below.
func (c *columnItems) arrange(g *graph, before columnItems, column []int, place map[string]int) {
	if c.chain {
		return
	}
	at := map[item]int{} // without y
	for _, it := range before.items {
		at[item{box: it.box, lane: it.lane}] = it.y
	}
	centre := map[item]float64{}
	for row, it := range c.items {
		sum, n := 0, 0
		add := func(from int) {
			y, known := at[item{box: from}]
			if !known {
				y, known = at[item{box: from, lane: true}]
			}
			if known {
				sum, n = sum+y, n+1
			}
		}
		if it.lane {
			add(it.box)
		} else {
			for _, id := range g.Boxes[it.box].DependsOn {
				if from, known := place[id]; known && column[from] < column[it.box] {
					add(from)
				}
			}
		}
		centre[it] = float64(topMargin + row*(boxHeight+gapY))
		if n > 0 {
			centre[it] = float64(sum) / float64(n)
		}
	}
	slices.SortStableFunc(c.items, func(a, b item) int { return cmp.Compare(centre[a], centre[b]) })
}

// stack gives the items of a column their places from the top on.
func (c *columnItems) stack(g *graph) {
	y := topMargin
	for i := range c.items {
		it := &c.items[i]
		it.y = y
		if it.lane {
			y += laneHeight + gapY
		} else {
			g.Boxes[it.box].Y = y
			y += boxHeight + gapY
		}
		g.Height = max(g.Height, y-gapY)
	}
}

// trace draws an edge from the right of one box to the left of another, on its lanes in between.
func (g *graph) trace(e *edge, columns []columnItems, column []int) {
	from, to := &g.Boxes[e.From], &g.Boxes[e.To]
	x, y := from.X+boxWidth, from.Y+boxHeight/2
	var path strings.Builder
	fmt.Fprintf(&path, "M%d %d", x, y)
	curve := func(x2, y2 int) {
		bend := (x2 - x) / 2
		fmt.Fprintf(&path, "C%d %d %d %d %d %d", x+bend, y, x2-bend, y2, x2, y2)
		x, y = x2, y2
	}
	if g.OnFocus && column[e.From]+1 < column[e.To] {
		return // there are no lanes; the box at the other end is marked
	}
	for c := column[e.From] + 1; c < column[e.To]; c++ {
		i := slices.IndexFunc(columns[c].items, func(it item) bool { return it.lane && it.box == e.From })
		curve(c*(boxWidth+gapX), columns[c].items[i].y+laneHeight/2)
		x += boxWidth
		fmt.Fprintf(&path, "H%d", x)
	}
	curve(to.X, to.Y+boxHeight/2)
	e.Path = path.String()
}

// chains draws what follows what in a chain.
func (g *graph) chains(columns []columnItems, strip []int) {
	for i, c := range columns {
		if !c.chain {
			continue
		}
		var last *box
		if i > 0 && columns[i-1].chain {
			if items := columns[i-1].boxes(); len(items) > 0 && strip[items[0].box] == strip[c.boxes()[0].box] {
				last = &g.Boxes[items[len(items)-1].box]
			}
		}
		for _, it := range c.boxes() {
			b := &g.Boxes[it.box]
			if last != nil {
				e := edge{From: last.N, To: b.N, Class: "next"}
				if last.X == b.X {
					e.Path = fmt.Sprintf("M%d %dV%d", b.X+20, last.Y+boxHeight, b.Y)
				} else {
					x, y, y2 := last.X+boxWidth, last.Y+boxHeight/2, b.Y+boxHeight/2
					e.Path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, y, x+gapX/2, y, b.X-gapX/2, y2, b.X, y2)
				}
				if last.State.Done() {
					e.Class += " met"
				}
				g.Edges = append(g.Edges, e)
			}
			last = b
		}
	}
}

func (c *columnItems) boxes() []item {
	return slices.DeleteFunc(slices.Clone(c.items), func(it item) bool { return it.lane })
}

// tally is how many ops of a class are in which state, in few words.
func tally(count map[looks]int, class string) string {
	var all []looks
	for l := range count {
		if l.Class == class {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, compareLooks)
	words := make([]string, len(all))
	for i, l := range all {
		words[i] = fmt.Sprintf("%d %s", count[l], l.Word)
	}
	return strings.Join(words, ", ")
}

// compareLooks orders looks as a bar has them.
func compareLooks(a, b looks) int {
	return cmp.Or(cmp.Compare(slices.Index(classOrder, a.Class), slices.Index(classOrder, b.Class)), cmp.Compare(a.Word, b.Word))
}
