package exec

import "context"

// Serial does one step after another, in plan order.
func Serial() Executor { return Func(serial) }

func serial(ctx context.Context, walk Walk) error {
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
