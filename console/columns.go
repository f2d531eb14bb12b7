package console

import (
	"fmt"
	"slices"

	"github.com/sequencer-go/seq"
)

// strip is one wave of a plan, or several in a row that hold one op each: a chain.
type strip struct {
	from, to int // waves, counted from 1
	ops      []int
	chain    bool
}

// strips are the waves of all ops that the code has. It is nil if a picture would say no more than
// a list does: when no two ops are in the same wave.
func (s *snapshot) strips() []strip {
	waves := make([][]int, s.sums().waves)
	wide := false
	for i := range s.Ops {
		if w := s.waveOf(&s.Ops[i]); w > 0 {
			waves[w-1] = append(waves[w-1], i)
			wide = wide || len(waves[w-1]) > 1
		}
	}
	if !wide || len(waves) < 2 {
		return nil
	}
	var out []strip
	for w, ops := range waves {
		switch last := len(out) - 1; {
		case len(ops) == 0:
		case len(ops) == 1 && last >= 0 && len(out[last].ops) == out[last].to-out[last].from+1:
			out[last].ops = append(out[last].ops, ops[0])
			out[last].to, out[last].chain = w+1, true
		default:
			out = append(out, strip{from: w + 1, to: w + 1, ops: ops})
		}
	}
	return out
}

// label says which waves it is, and how their ops follow each other.
func (t strip) label() string {
	switch n := len(t.ops); {
	case t.chain:
		return t.name() + " · one after another"
	case t.from < t.to:
		return fmt.Sprintf("%s · %d operations", t.name(), n)
	case n == 1:
		return t.name()
	default:
		return fmt.Sprintf("%s · %d side by side", t.name(), n)
	}
}

// name says which waves it is.
func (t strip) name() string {
	if t.from == t.to {
		return fmt.Sprintf("Wave %d", t.from)
	}
	return fmt.Sprintf("Waves %d–%d", t.from, t.to)
}

func (t strip) waves() string {
	if t.from == t.to {
		return number(t.from)
	}
	return fmt.Sprintf("%d-%d", t.from, t.to)
}

// bars is the plan as one bar for each wave: what there is room for at any number of ops, and on
// any screen.
type bars struct {
	Rows []barRow
	Only bool // there is no graph
}

// barRow is one wave, or several.
type barRow struct {
	Label, Wave string // the second as a query has it
	Count       int
	Segments    []segment
	Urgent      []opView // what somebody would look for first
	More        int
}

// Summary is the bar in words.
func (b *barRow) Summary() string { return summary(b.Segments) }

const (
	rowsShown   = 24
	urgentShown = 3
)

// bars draws strips; of very many some share a bar.
func (s *snapshot) bars(strips []strip) *bars {
	u := s.sums()
	b := &bars{}
	if share := (len(strips) + rowsShown - 1) / rowsShown; share > 1 {
		var merged []strip
		for at := 0; at < len(strips); at += share {
			t := strip{from: strips[at].from}
			for _, part := range strips[at:min(at+share, len(strips))] {
				t.to, t.ops = part.to, append(t.ops, part.ops...)
			}
			merged = append(merged, t)
		}
		strips = merged
	}
	for _, t := range strips {
		row := barRow{Label: t.label(), Wave: t.waves(), Count: len(t.ops)}
		count := map[looks]int{}
		for _, i := range t.ops {
			count[u.looks[i]]++
		}
		urgent := slices.Clone(t.ops)
		s.order(urgent, true)
		for _, i := range urgent {
			if settledRank(u.looks[i]) > 1 && !attention(&s.Ops[i]) {
				continue
			}
			if len(row.Urgent) == urgentShown {
				row.More++
				continue
			}
			row.Urgent = append(row.Urgent, s.view(&s.Ops[i]))
		}
		row.Segments = segmentsOf(count)
		b.Rows = append(b.Rows, row)
	}
	return b
}

// picture is the plan as boxes and lines if there is room for it, and as bars.
func (s *snapshot) picture() (*graph, *bars) {
	strips := s.strips()
	if strips == nil {
		return nil, nil
	}
	b := s.bars(strips)
	g := s.draw(strips)
	b.Only = g == nil
	return g, b
}

// lineOf is what there is room for in a box, under the name.
func lineOf(o *opView) string {
	switch {
	case o.Percent >= 0:
		return fmt.Sprintf("%s · %d %%", o.Word, o.Percent)
	case o.State == seq.Pending && o.Detail != "":
		return o.Detail
	case o.Detail != "" && (o.State.Open() || o.State == seq.Scheduled):
		return o.Word + " · " + o.Detail
	default:
		return o.Word
	}
}
