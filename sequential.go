package seq

import (
	"context"
	"slices"
)

// Sequential is the default: in chronological order, one after another, recorded, and stopping
// at the first failure that is not allowed.
func Sequential() Strategy {
	return Strategy{
		Name:       "sequential",
		Planner:    PlannerFunc(chronological),
		Executor:   ExecutorFunc(serial),
		Middleware: []Middleware{recorder, tolerance},
	}
}

// serial walks the steps in plan order.
func serial(ctx context.Context, walk *Walk) error {
	i, n := 0, len(walk.Plan().Steps)
	next := func() int {
		if i+1 < n {
			return i + 1
		}
		return -1
	}
	for ; i < n; i++ {
		if err := walk.DoThen(ctx, i, next); err != nil {
			return err
		}
	}
	return nil
}

// chronological keeps the order of timestamps, but for ops that depend on a later one: those
// move behind it. Each step waits for the one before.
func chronological(_ context.Context, in Input) (*Plan, error) {
	p := in.Arrange(in.Order(nil))
	for i := range p.Steps {
		p.Steps[i].Wave = i
		if i > 0 {
			p.Steps[i].After = appendOnce(p.Steps[i].After, i-1)
		}
	}
	return p, nil
}

func appendOnce(list []int, v int) []int {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// recorder and tolerance are what middleware.Record and middleware.Tolerate return.
var (
	recorder  = Middleware{Name: "record", Layer: LayerRecord, Step: record}
	tolerance = Middleware{Name: "tolerate", Layer: LayerTolerate} // its presence is what allows it
)
