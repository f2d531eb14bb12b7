package seq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// ErrStopped means that somebody asked a run to stop: see [Sequencer.Stop].
var ErrStopped = ledger.ErrStopped

// Control is what is asked of an op, or of runs, and what was answered: see [store.Control].
type Control = store.Control

// Until makes [Sequencer.Stop] and [Sequencer.Hold] end by themselves after d; without it they last until
// Release.
func Until(d time.Duration) RunOption {
	return RunOption{"Until", stopCall | holdCall, func(c *choice) { c.until = &d }}
}

// Force makes [Sequencer.Stop] wait for so long for the run to end, and then take the lease away from it:
// whatever it still writes is refused, as if its process had died. It is for a process that does not
// answer.
func Force(wait time.Duration) RunOption {
	return RunOption{"Force", stopCall, func(c *choice) { c.force = &wait }}
}

// Pause lets an op in the background rest: it ends with the batch that it is at, or within a second while
// it waits for something, and nobody takes it up until Resume. [By] and [Because] are required. It is
// refused, with an error that matches [ErrInvalidOption] and says what is possible, for an op that is done,
// was cancelled, is paused already, or does not work in the background. The answer is the request; the
// Heard of the op's Control says when it was acknowledged.
func (s *Sequencer) Pause(ctx context.Context, id string, opts ...RunOption) (Control, error) {
	return s.steer(ctx, "Pause", id, steerCall, opts, func(c *Control, _ *store.Entry, _ *choice) error {
		if c.Wanted == store.WantPause {
			return fmt.Errorf("it was paused by %s (%s); Resume, Set and Cancel are possible", c.Actor, c.Reason)
		}
		c.Wanted = store.WantPause
		return nil
	})
}

// Resume takes back a Pause, and has an op done again that was rolled back. Its options and errors are
// those of Pause.
func (s *Sequencer) Resume(ctx context.Context, id string, opts ...RunOption) (Control, error) {
	return s.steer(ctx, "Resume", id, steerCall, opts, func(c *Control, e *store.Entry, _ *choice) error {
		if c.Wanted == store.WantGo && (e == nil || e.State != store.RolledBack) {
			return errors.New("it is not paused; Pause, Set and Cancel are possible")
		}
		c.Wanted = store.WantGo
		return nil
	})
}

// Cancel ends an op in the background for good: no process takes it up again, and nothing takes that back.
// What its batches have done stays, unless it has a Rollback and is rolled back. What depends on it goes on
// only if somebody says Skip. Its options and errors are those of Pause.
func (s *Sequencer) Cancel(ctx context.Context, id string, opts ...RunOption) (Control, error) {
	return s.steer(ctx, "Cancel", id, steerCall, opts, func(c *Control, _ *store.Entry, _ *choice) error {
		c.Wanted = store.WantCancel
		return nil
	})
}

// Set says how much a batch of an op in the background is to do, in its own units, and how long it is to
// rest between two; 0 leaves it to the op, and a negative one leaves it as it was. It takes effect with the
// next batch. Its options and errors are those of Pause.
func (s *Sequencer) Set(ctx context.Context, id string, size int64, rest time.Duration, opts ...RunOption) (Control, error) {
	return s.steer(ctx, "Set", id, steerCall, opts, func(c *Control, e *store.Entry, _ *choice) error {
		if e != nil && e.State == store.RolledBack {
			return errors.New("it was rolled back, and only Resume has it done again")
		}
		if size >= 0 {
			c.Size = size
		}
		if rest >= 0 {
			c.Rest = rest
		}
		return nil
	})
}

// Stop asks the run that is under way to stop, as if its process had been told to end: nothing new begins,
// ops are interrupted, and it ends as [RunInterrupted] within a fifth of the lease's TTL and the time that
// its ops need. From then on the ledger is held: nobody but who acts for the same person (see [By]) gets
// the lease, until [Sequencer.Release], so that no replica that waits goes on. [By] and [Because] are
// required; [Until] and [Force] are possible.
func (s *Sequencer) Stop(ctx context.Context, opts ...RunOption) (Control, error) {
	var force *time.Duration
	c, err := s.steer(ctx, "Stop", "", stopCall, opts, func(c *Control, _ *store.Entry, chosen *choice) error {
		c.Wanted, force = store.WantStop, chosen.force
		return hold(c, chosen)
	})
	if err != nil || force == nil {
		return c, err
	}
	e, _, err := s.engine(ctx, stopCall, opts)
	if err == nil {
		_, err = e.Evict(ctx, *force)
	}
	return c, err
}

// Hold keeps everybody but who acts for the same person from taking the ledger's lease, until
// [Sequencer.Release]. A run that is under way goes on. Its options are those of Stop, without Force.
func (s *Sequencer) Hold(ctx context.Context, opts ...RunOption) (Control, error) {
	return s.steer(ctx, "Hold", "", holdCall, opts, func(c *Control, _ *store.Entry, chosen *choice) error {
		c.Wanted = store.WantHold
		return hold(c, chosen)
	})
}

// hold says until when a request lasts.
func hold(c *Control, chosen *choice) error {
	c.Until = time.Time{}
	if chosen.until == nil {
		return nil
	}
	if *chosen.until <= 0 {
		return fmt.Errorf("Until(%s): want a positive time", *chosen.until)
	}
	c.Until = ledger.Wall.Now().Add(*chosen.until)
	return nil
}

// Release takes back a Stop or a Hold: whoever waits goes on. [By] and [Because] are required. It is refused,
// with an error that matches [ErrInvalidOption], if the ledger is not held.
func (s *Sequencer) Release(ctx context.Context, opts ...RunOption) (Control, error) {
	return s.steer(ctx, "Release", "", steerCall, opts, func(c *Control, _ *store.Entry, _ *choice) error {
		if c.Wanted == store.WantGo {
			return errors.New("nobody holds the ledger")
		}
		c.Wanted, c.Until = store.WantGo, time.Time{}
		return nil
	})
}

func (s *Sequencer) steer(ctx context.Context, name, id string, by call, opts []RunOption, to func(*Control, *store.Entry, *choice) error) (Control, error) {
	e, c, err := s.engine(ctx, by, opts)
	if err != nil {
		return Control{}, err
	}
	if c.Actor == "" || c.Reason == "" {
		return Control{}, fmt.Errorf("%w: %s: say who asks, and why, with By and Because", ErrInvalidOption, name)
	}
	return e.Steer(ctx, &c.Request, engine.Steer{Call: name, ID: id, To: func(asked *Control, e *store.Entry) error { return to(asked, e, c) }})
}
