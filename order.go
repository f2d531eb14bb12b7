package seq

import "container/heap"

// Order lists the steps so that each stands behind all of its After: those without such a reason
// in the order of rank, smallest first, and of equal rank as they stand in in.Steps. A nil rank
// makes all equal. It is Kahn's algorithm (Topological sorting of large networks, CACM 1962) with
// a heap for the choice: O((steps + edges) · log steps).
func (in Input) Order(rank func(i int) int) []int {
	n := len(in.Steps)
	if inOrder(in.Steps) && rank == nil {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		return order
	}
	next, waiting := Dependents(in.Steps)
	ready := &rankedHeap{rank: rank}
	for i := range n {
		if waiting[i] == 0 {
			ready.items = append(ready.items, i)
		}
	}
	heap.Init(ready)
	order := make([]int, 0, n)
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		order = append(order, i)
		for _, j := range next(i) {
			if waiting[j]--; waiting[j] == 0 {
				heap.Push(ready, j)
			}
		}
	}
	return order
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
			start[j+1]++
		}
	}
	for i := range steps {
		start[i+1] += start[i]
	}
	flat, fill := make([]int, start[len(steps)]), append([]int(nil), start...)
	for i := range steps {
		for _, j := range steps[i].After {
			flat[fill[j]] = i
			fill[j]++
		}
	}
	return func(i int) []int { return flat[start[i]:start[i+1]] }, waiting
}

// rankedHeap pops the index with the smallest rank, then the smallest index.
type rankedHeap struct {
	rank  func(int) int
	items []int
}

func (h *rankedHeap) Len() int { return len(h.items) }
func (h *rankedHeap) Less(a, b int) bool {
	i, j := h.items[a], h.items[b]
	if h.rank != nil {
		if ri, rj := h.rank(i), h.rank(j); ri != rj {
			return ri < rj
		}
	}
	return i < j
}
func (h *rankedHeap) Swap(a, b int) { h.items[a], h.items[b] = h.items[b], h.items[a] }
func (h *rankedHeap) Push(v any)    { h.items = append(h.items, v.(int)) }
func (h *rankedHeap) Pop() any {
	last := h.items[len(h.items)-1]
	h.items = h.items[:len(h.items)-1]
	return last
}
