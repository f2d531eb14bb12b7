package middleware

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/store"
)

// MaxBackoff is the longest that [Retry] waits between two attempts.
const MaxBackoff = time.Minute

// Retry calls an op up to attempts times until it succeeds, and waits for [Backoff] in between,
// on the run's clock. It serves Rollback as well. It stops at seq.Permanent, when ctx ends, at
// seq.Skip, a panic, and, for an op that is store.Once, at an error that is not seq.NotApplied.
//
// An op that has a Retry of its own goes by that alone, in the place of the outermost one that is in the
// strategy; if there is none, around all that surrounds the call itself.
func Retry(attempts int, base time.Duration) Middleware {
	m := Middleware{Name: "retry", Layer: LayerCall, Role: role.Retry}
	if _, err := Backoff(2, base, MaxBackoff); attempts < 1 || err != nil {
		m.Err = errors.Join(err, fmt.Errorf("retry: %d attempts, base %s: both must be positive", attempts, base))
		return m
	}
	pause := func(n int) time.Duration {
		wait, _ := Backoff(n, base, MaxBackoff)
		return wait
	}
	m.Step = func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			own := call.Step.Retry
			switch {
			case own.IsZero():
				return repeat(ctx, call, attempts, pause, next)
			case ctx.Value(ownRetry{}) != nil: // one that stands outside does it
				return next(ctx, call)
			default:
				return repeat(context.WithValue(ctx, ownRetry{}, true), call, own.Attempts, own.Pause, next)
			}
		}
	}
	return m
}

// ownRetry is the key of a context in which a call is repeated by the policy of the op.
type ownRetry struct{}

// repeat makes a call up to attempts times, and waits for pause before each but the first.
func repeat(ctx context.Context, call *Call, attempts int, pause func(n int) time.Duration, next Handler) error {
	for n := 1; ; n++ {
		err := next(ctx, call)
		if err == nil || n >= attempts || final(ctx, call, err) {
			return err
		}
		wait := pause(n + 1)
		Retrying(ctx, err, wait)
		if clock.Sleep(ctx, call.Clock, wait) != nil {
			return err
		}
	}
}

// final reports whether another attempt is out of the question.
func final(ctx context.Context, call *Call, err error) bool {
	once := call.Step.Delivery == store.Once && call.Direction == store.Forward && !verdict.IsNotApplied(err)
	_, skips := verdict.SkipReason(err)
	return once || skips || ctx.Err() != nil || verdict.IsPermanent(err) || verdict.IsAsked(err) ||
		errors.Is(err, exec.ErrPanic) || errors.Is(err, store.ErrFenced) ||
		errors.Is(err, store.ErrTxBroken) || errors.Is(err, store.ErrUnknownOutcome)
}

// ErrRange means that a number is out of its range.
var ErrRange = errors.New("out of range")

// Backoff returns how long to wait before attempt n, counting from 2: a random time below
// base·2ⁿ⁻² and at most limit ("full jitter", Brooker, Exponential Backoff and Jitter, 2015).
// It fails with an error matching [ErrRange] if base or limit is not positive, or n is below 2.
func Backoff(n int, base, limit time.Duration) (time.Duration, error) {
	if n < 2 || base <= 0 || limit <= 0 {
		return 0, fmt.Errorf("%w: backoff before attempt %d of base %s, limit %s", ErrRange, n, base, limit)
	}
	ceiling := base
	for range n - 2 {
		if ceiling >= limit/2 {
			ceiling = limit
			break
		}
		ceiling *= 2
	}
	return rand.N(min(ceiling, limit)), nil
}
