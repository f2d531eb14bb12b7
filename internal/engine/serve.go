package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// servePause is how long Serve sleeps at most: another process may enrol something meanwhile.
const servePause = 30 * time.Second

// Serve does what is due, waits for the next time something is, and so on until ctx ends; see
// seq.Sequencer.Serve. final reports whether an error is one that no waiting mends.
func (e *Engine) Serve(ctx context.Context, req *Request, final func(error) bool) error {
	if err := e.Catalog.err; err != nil {
		return err
	}
	due := *req
	due.Due, due.Polls = true, true
	var left []string
	for ctx.Err() == nil {
		result, err := e.Run(ctx, &due)
		var failed *RunError
		if err != nil && ctx.Err() == nil && !errors.As(err, &failed) && final(err) {
			return err
		}
		pause := servePause
		if result.State != store.RunFailed || failed != nil {
			before := left
			var next time.Time
			if left, next = e.agenda(ctx); !next.IsZero() {
				pause = min(pause, next.Sub(e.Clock.Now()))
			}
			// What became due while it worked, or stood behind a failure, has had no turn. What has not
			// moved since the last look would not move now.
			if result.State != store.RunBusy && len(left) > 0 && !slices.Equal(left, before) {
				pause = 0
			}
		} else if ctx.Err() == nil {
			e.Watchers.Send(middleware.Event{
				Kind: middleware.EventWaiting, Time: e.Clock.Now(), Strategy: e.Strategy.Name, Err: err, Delay: pause, Reason: "tries again",
			})
		}
		_ = clock.Sleep(ctx, e.Clock, pause)
	}
	return context.Cause(ctx)
}

// agenda is what a run would do now, and when the schedule holds something next, zero if nothing.
func (e *Engine) agenda(ctx context.Context) (due []string, next time.Time) {
	r, err := e.brief(&Request{})(ctx)
	if err != nil {
		return nil, next
	}
	now := e.Clock.Now()
	for id, entry := range r.entries {
		if _, known := e.Catalog.index[id]; known && isDue(entry, now) {
			due = append(due, id)
		}
		if entry.State == store.Scheduled && entry.NotBefore.After(now) && (next.IsZero() || entry.NotBefore.Before(next)) {
			next = entry.NotBefore
		}
	}
	slices.Sort(due)
	return due, next
}
