package middleware

import (
	"context"
	"errors"
)

// For limits m, which must surround steps only, to the calls that which chooses; any other passes m by.
// It is for hooks and guards that concern some ops, as those with a tag, or one direction:
//
//	middleware.For(func(c *middleware.Call) bool { return slices.Contains(c.Step.Tags, "slow") }, throttle)
//
// which is asked for each call, from any goroutine, and must not change the call. The layer is m's. A m
// that surrounds runs or watches (Saga, Tolerate, Record, Log and the like) is refused, because a part of
// a run cannot be chosen here.
func For(which func(call *Call) bool, m Middleware) Middleware {
	limited := Middleware{Name: m.Name, Layer: m.Layer, Err: m.Err}
	switch {
	case m.Err != nil:
		return limited
	case which == nil:
		limited.Err = errors.New("For: the function that chooses calls is nil")
		return limited
	case m.Step == nil || m.Run != nil || m.Watch != nil:
		limited.Err = errors.New("For: it does more than surround steps, or does not, so that it cannot be limited to some of them")
		return limited
	}
	limited.Step = func(next Handler) Handler {
		through := m.Step(next)
		return func(ctx context.Context, call *Call) error {
			if which(call) {
				return through(ctx, call)
			}
			return next(ctx, call)
		}
	}
	return limited
}
