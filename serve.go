package seq

import (
	"context"
	"errors"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// Serve does what is due, waits for the next time something is, and so on until ctx ends; it
// then returns the cause. Any number of processes may serve one ledger: each due op runs once.
// An op that fails is left for the next Run. If the ledger cannot be reached, Serve tries again
// within a minute; it returns early only for what no waiting mends, such as an invalid op.
// Failures, and a ledger that is away, reach the watchers (see [Middleware]).
func (s *Sequencer) Serve(ctx context.Context, opts ...RunOption) error {
	s, sel, err := s.with(opts)
	if err != nil || s.catalog().err != nil {
		return errors.Join(err, s.catalog().err)
	}
	sel.due = true
	for ctx.Err() == nil {
		report, err := s.run(ctx, sel)
		var failed *RunError
		if err != nil && ctx.Err() == nil && !errors.As(err, &failed) && permanently(err) {
			return err
		}
		pause := servePause
		if report.State != RunFailed || failed != nil {
			if next, ok := s.nextDue(ctx); ok {
				pause = min(pause, next.Sub(s.clock.Now()))
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

// nextDue is the earliest time in the schedule that is not past.
func (s *Sequencer) nextDue(ctx context.Context) (at time.Time, ok bool) {
	entries, err := s.look(&selection{})(ctx)
	if err != nil {
		return at, false
	}
	now := s.clock.Now()
	for _, e := range entries {
		if e.State == Scheduled && e.NotBefore.After(now) && (!ok || e.NotBefore.Before(at)) {
			at, ok = e.NotBefore, true
		}
	}
	return at, ok
}
