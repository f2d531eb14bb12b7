// Package graph orders directed graphs whose nodes are numbered from 0. All of it is linear in nodes
// and edges. after(i) lists the nodes that node i waits for.
package graph

import (
	"cmp"
	"slices"

	"github.com/sequencer-go/seq/internal/graph/indexset"
)

// Order lists the n nodes so that each stands behind all that it waits for: those without such a
// reason in the order of rank, smallest first, and of equal rank by number. A nil rank makes all
// equal. Nodes of a cycle, and those behind one, are left out. It is Kahn's algorithm (Topological
// sorting of large networks, CACM 1962) with a set that knows its smallest; sorting the ranks comes
// on top.
func Order(n int, after func(i int) []int, rank func(i int) int) []int {
	sorted := make([]int, n) // as if nobody waited for anybody
	for i := range sorted {
		sorted[i] = i
	}
	var place []int // of each node in sorted; nil if it is its number
	if rank != nil {
		place = byRank(sorted, rank)
	} else if inOrder(n, after) {
		return sorted
	}
	next, waiting := Dependents(n, after)
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
		i := sorted[at]
		order = append(order, i)
		for _, j := range next(i) {
			if waiting[j]--; waiting[j] == 0 {
				add(j)
			}
		}
	}
	return order
}

// byRank sorts nodes by their ranks, and returns the place of each.
func byRank(nodes []int, rank func(i int) int) (place []int) {
	ranks := make([]int, len(nodes))
	for _, i := range nodes {
		ranks[i] = rank(i)
	}
	slices.SortStableFunc(nodes, func(i, j int) int { return cmp.Compare(ranks[i], ranks[j]) })
	place = ranks // the same memory: ranks are not needed any more
	for at, i := range nodes {
		place[i] = at
	}
	return place
}

// inOrder reports whether every node already stands behind all that it waits for.
func inOrder(n int, after func(i int) []int) bool {
	for i := range n {
		for _, j := range after(i) {
			if j >= i {
				return false
			}
		}
	}
	return true
}

// Dependents turns the edges around: next(i) lists the nodes that wait for node i, and waiting[i] is
// how many nodes i waits for. next allocates nothing; waiting is the caller's to count down.
func Dependents(n int, after func(i int) []int) (next func(i int) []int, waiting []int) {
	start := make([]int, n+1)
	waiting = make([]int, n)
	for i := range n {
		edges := after(i)
		waiting[i] = len(edges)
		for _, j := range edges {
			start[j]++
		}
	}
	all := 0
	for i := range start { // where the list of node i ends
		all += start[i]
		start[i] = all
	}
	flat := make([]int, all)
	for i := n - 1; i >= 0; i-- { // from the back, so that start[i] is where the list begins in the end
		for _, j := range after(i) {
			start[j]--
			flat[start[j]] = i
		}
	}
	return func(i int) []int { return flat[start[i]:start[i+1]] }, waiting
}

// Cycles finds one cycle in each group of nodes that wait for each other: the numbers in order, the
// first again at the end. What Order leaves out waits for a cycle; following the first such edge from
// there runs into one.
func Cycles(n int, after func(i int) []int) [][]int {
	if inOrder(n, after) {
		return nil
	}
	free := make([]bool, n)
	for _, i := range Order(n, after, nil) {
		free[i] = true
	}
	var found [][]int
	visited := make([]int, n) // by the search that started at this number - 1; 0: by none
	for start := range n {
		var path []int
		for i := start; !free[i]; {
			if visited[i] != 0 {
				if at := slices.Index(path, i); at >= 0 && visited[i] == start+1 {
					found = append(found, append(path[at:], i))
				}
				break
			}
			visited[i] = start + 1
			path = append(path, i)
			edges := after(i)
			i = edges[slices.IndexFunc(edges, func(j int) bool { return !free[j] })]
		}
	}
	return found
}
