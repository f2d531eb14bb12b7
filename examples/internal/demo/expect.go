package demo

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// Expect prints a number that was read from the database, and fails if it is not what it should
// be: Expect("orders", 3)(query.Count(ctx)).
func Expect(what string, want int) func(got int64, err error) error {
	return func(got int64, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return Same(what, got, int64(want))
	}
}

// Same prints a value, and fails if it is not what it should be.
func Same[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	fmt.Printf("%s: %v\n", what, got)
	return nil
}

// Int reads one number.
func Int(ctx context.Context, q *bun.SelectQuery) (n int64, err error) {
	err = q.Scan(ctx, &n)
	return n, err
}
