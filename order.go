package seq

import (
	"cmp"
	"slices"

	"github.com/sequencer-go/seq/internal/indexset"
)

// Order lists the steps so that each stands behind all of its After: those without such a reason
// in the order of rank, smallest first, and of equal rank as they stand in in.Steps. A nil rank
// makes all equal. It is Kahn's algorithm (Topological sorting of large networks, CACM 1962) with
// a set that knows its smallest: linear in steps and edges, but for sorting the ranks.
func (in Input) Order(rank func(i int) int) []int {
	n := len(in.Steps)
	wish := make([]int, n) // the order, if nobody waited for anybody
	for i := range wish {
		wish[i] = i
	}
	var place []int // in wish; nil if it is the index
	if rank != nil {
		place = byRank(wish, rank)
	} else if inOrder(in.Steps) {
		return wish
	}
	next, waiting := Dependents(in.Steps)
	ready := indexset.New(n)
	add := func(i int) {
		if place != nil {
			i = place[i]
		}
		ready.Add(i)
	}
	for i := range n {
		if waiting[i] == 0 {
			add(i)
		}
	}
	order := make([]int, 0, n)
	for at, ok := ready.First(); ok; at, ok = ready.First() {
		ready.Remove(at)
		i := wish[at]
		order = append(order, i)
		for _, j := range next(i) {
			if waiting[j]--; waiting[j] == 0 {
				add(j)
			}
		}
	}
	return order
}

// byRank sorts indices by their ranks, and answers with the place of each.
func byRank(indices []int, rank func(i int) int) (place []int) {
	ranks := make([]int, len(indices))
	for _, i := range indices {
		ranks[i] = rank(i)
	}
	slices.SortStableFunc(indices, func(i, j int) int { return cmp.Compare(ranks[i], ranks[j]) })
	place = ranks // not needed any more
	for at, i := range indices {
		place[i] = at
	}
	return place
}

// inOrder reports whether every step already stands behind its After.
func inOrder(steps []Step) bool {
	for i := range steps {
		for _, j := range steps[i].After {
			if j >= i {
				return false
			}
		}
	}
	return true
}

// Dependents turns After around: which steps wait for step i, and how many steps each waits for.
// It is for walking a graph: its cost is linear, next allocates nothing, and waiting is the
// caller's to count down.
func Dependents(steps []Step) (next func(i int) []int, waiting []int) {
	start := make([]int, len(steps)+1)
	waiting = make([]int, len(steps))
	for i := range steps {
		waiting[i] = len(steps[i].After)
		for _, j := range steps[i].After {
			start[j]++
		}
	}
	all := 0
	for i := range start { // where those of step i end
		all += start[i]
		start[i] = all
	}
	flat := make([]int, all)
	for i := range slices.Backward(steps) { // from the back, so that they begin there in the end
		for _, j := range steps[i].After {
			start[j]--
			flat[start[j]] = i
		}
	}
	return func(i int) []int { return flat[start[i]:start[i+1]] }, waiting
}
