package seq

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// Serve does what is due, waits for the next time something is, and so on until ctx ends; it
// then returns the cause. What becomes due while it works is next, and what another process enrols
// is seen within half a minute. Any number of processes may serve one ledger: each due op runs once.
// An op that fails is left for the next Run. If the ledger cannot be reached, Serve tries again
// within a minute; it returns early only for what no waiting mends, such as an invalid op.
// Failures, and a ledger that is away, reach the watchers (see [Middleware]).
func (s *Sequencer) Serve(ctx context.Context, opts ...RunOption) error {
	s, sel, err := s.with(opts)
	if err != nil || s.catalog().err != nil {
		return errors.Join(err, s.catalog().err)
	}
	sel.due = true
	var left []string
	for ctx.Err() == nil {
		report, err := s.run(ctx, sel)
		var failed *RunError
		if err != nil && ctx.Err() == nil && !errors.As(err, &failed) && permanently(err) {
			return err
		}
		pause := servePause
		if report.State != RunFailed || failed != nil {
			before := left
			var next time.Time
			if left, next = s.agenda(ctx); !next.IsZero() {
				pause = min(pause, next.Sub(s.clock.Now()))
			}
			// What became due while it worked, or stood behind a failure, has had no turn. What has not
			// moved since the last look would not move now.
			if report.State != RunBusy && len(left) > 0 && !slices.Equal(left, before) {
				pause = 0
			}
		} else if ctx.Err() == nil {
			s.announcer.announce(Event{
				Kind: EventWaiting, Time: s.clock.Now(), Strategy: s.strategy.Name, Err: err, Delay: pause, Reason: "tries again",
			})
		}
		_ = clock.Sleep(ctx, s.clock, pause)
	}
	return context.Cause(ctx)
}

// servePause is how long Serve sleeps at most: another process may enrol something meanwhile.
const servePause = 30 * time.Second

// permanently reports whether an error of planning will be there next time too.
func permanently(err error) bool { return IsMistake(err) || errors.Is(err, ErrSchemaNewer) }

// agenda is what a run would do now, and when the schedule holds something next, zero if nothing.
func (s *Sequencer) agenda(ctx context.Context) (due []string, next time.Time) {
	entries, err := s.look(&selection{})(ctx)
	if err != nil {
		return nil, next
	}
	now, index := s.clock.Now(), s.catalog().index
	for id, e := range entries {
		if _, known := index[id]; known && isDue(e, now) {
			due = append(due, id)
		}
		if e.State == Scheduled && e.NotBefore.After(now) && (next.IsZero() || e.NotBefore.Before(next)) {
			next = e.NotBefore
		}
	}
	slices.Sort(due)
	return due, next
}

// due reports whether the schedule holds it, and its time has come.
func isDue(e *store.Entry, now time.Time) bool {
	return !e.NotBefore.IsZero() && !e.NotBefore.After(now) &&
		(e.State == Scheduled || e.State == Pending || e.State == Indeterminate)
}
