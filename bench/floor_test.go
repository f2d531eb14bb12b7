package bench

import (
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// dependents turns a graph around, into one array: those who wait for step i are
// flat[start[i]:start[i+1]]. waiting is how many each waits for.
func dependents(after [][]int) (start, flat, waiting []int32) {
	n := len(after)
	start, waiting = make([]int32, n+1), make([]int32, n)
	for i := range after {
		waiting[i] = int32(len(after[i]))
		for _, j := range after[i] {
			start[j+1]++
		}
	}
	for i := range n {
		start[i+1] += start[i]
	}
	flat = make([]int32, start[n])
	fill := append([]int32(nil), start...)
	for i := range after {
		for _, j := range after[i] {
			flat[fill[j]] = int32(i)
			fill[j]++
		}
	}
	return start, flat, waiting
}

// kahn is a plain topological sort over index arrays.
func kahn(after [][]int) []int32 {
	start, flat, waiting := dependents(after)
	order := make([]int32, 0, len(after))
	for i, n := range waiting {
		if n == 0 {
			order = append(order, int32(i))
		}
	}
	for at := 0; at < len(order); at++ {
		i := order[at]
		for _, j := range flat[start[i]:start[i+1]] {
			if waiting[j]--; waiting[j] == 0 {
				order = append(order, j)
			}
		}
	}
	return order
}

// walkFloor does the steps of a graph as fast as one can write it by hand: an atomic count of
// what each step waits for, one queue of what is ready, and workers that never sleep. It knows no
// order among ready steps, no failure and no context.
func walkFloor(after [][]int, workers int, do func(int) error) {
	start, flat, waiting := dependents(after)
	n := int64(len(after))
	queue := make([]int32, n) // index + 1; 0 is a place taken and not yet filled
	var head, tail, done atomic.Int64
	push := func(i int32) { atomic.StoreInt32(&queue[tail.Add(1)-1], i+1) }
	for i, w := range waiting {
		if w == 0 {
			queue[tail.Load()] = int32(i) + 1
			tail.Add(1)
		}
	}
	work := func() {
		mine, own := int32(-1), int64(0)
		for spins := 0; ; spins++ {
			if mine < 0 {
				if h := head.Load(); h < tail.Load() && head.CompareAndSwap(h, h+1) {
					for mine = -1; mine < 0; {
						mine = atomic.LoadInt32(&queue[h]) - 1
					}
				} else {
					if done.Add(own) == n {
						return
					}
					own = 0
					if spins%16 == 15 {
						runtime.Gosched()
					}
					continue
				}
			}
			_ = do(int(mine))
			own++
			next := int32(-1)
			for _, j := range flat[start[mine]:start[mine+1]] {
				if atomic.AddInt32(&waiting[j], -1) == 0 {
					if next < 0 {
						next = j
					} else {
						push(j)
					}
				}
			}
			mine = next
		}
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(work)
	}
	group.Wait()
}

// walkErrgroup does the steps wave by wave, as one does with what is at hand.
func walkErrgroup(waves [][]int, workers int, do func(int) error) error {
	for _, wave := range waves {
		var group errgroup.Group
		group.SetLimit(workers)
		for _, i := range wave {
			group.Go(func() error { return do(i) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}
