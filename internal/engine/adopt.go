package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// An attempt whose worker lives is not the property of the run that it was begun for: whoever holds the
// lease next, with workers or without, waits for it.

// adoptionPauses bound how often the ledger is asked what became of attempts that others make.
const (
	adoptionPause    = 20 * time.Millisecond
	adoptionPauseMax = time.Second
)

// adopt waits until the attempt at a step that was begun under an earlier lease is over, and brings up to
// date what the walk knows of the step. An attempt that nobody lives for stays as it is.
func (w *Walk) adopt(ctx context.Context, s *step) error {
	announced := false
	for pause := adoptionPause; ; pause = min(2*pause, adoptionPauseMax) {
		found, err := w.session.Select(ctx, []string{s.plan.ID})
		if err == nil && len(found) > 0 {
			e := found[0]
			if !e.State.Open() || e.Life == "" || e.Lease != w.session.Lease().Name {
				s.entry = &e
				return nil
			}
			if !announced {
				announced = true
				w.announce(middleware.Event{Kind: middleware.EventStarted, ID: s.plan.ID, Attempt: e.Attempt})
			}
			err = w.closeDead(ctx, &e)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && pause == adoptionPauseMax:
			return fmt.Errorf("wait for the attempt that is under way: %w", err)
		}
		_ = clock.Sleep(ctx, ledger.Wall, pause)
	}
}

// closeDead closes an open attempt if its worker does not live.
func (w *Walk) closeDead(ctx context.Context, e *store.Entry) error {
	living, err := w.session.Living(ctx)
	if err != nil {
		return err
	}
	if _, lives := living[e.Life]; !lives {
		_, err = w.session.CloseLost(ctx, e)
	}
	return err
}

// quiesce waits until no attempt is open that a rollback is about: of an op in asked, or if that is nil of
// the run. Orders that nobody has begun are void by then.
func (w *Walk) quiesce(ctx context.Context, asked map[string]bool) error {
	if w.dispatch != nil {
		if err := w.dispatch.recallAll(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	held, cancel := w.session.WhileHeld(ctx)
	defer cancel()
	return quiet(held, w.session, func(e *store.Entry) bool {
		return asked[e.ID] || asked == nil && e.Run == w.session.Run.ID
	})
}

// quiet waits until no attempt that concerns the caller is open whose worker lives. Where no worker lives it
// is one short question.
func quiet(ctx context.Context, s *ledger.Session, concerns func(*store.Entry) bool) error {
	var ids []string
	failures := 0
	for pause := adoptionPause; ; pause = min(2*pause, adoptionPauseMax) {
		open, err := openAbroad(ctx, s, ids, concerns)
		switch {
		case err == nil && len(open) == 0:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, store.ErrLeaseLost), err != nil && failures > 3:
			return err
		case err != nil:
			failures++
		default:
			ids, failures = open, 0
		}
		_ = clock.Sleep(ctx, ledger.Wall, pause)
	}
}

// openAbroad are the ops, of all or of ids, with an open attempt whose worker lives. It closes those whose
// worker does not, but for the first look, which the caller has done under the lease.
func openAbroad(ctx context.Context, s *ledger.Session, ids []string, concerns func(*store.Entry) bool) ([]string, error) {
	living, err := s.Living(ctx)
	if err != nil {
		return nil, err
	}
	var entries []store.Entry
	switch {
	case ids != nil:
		entries, err = s.Select(ctx, ids)
	case slices.ContainsFunc(slices.Collect(maps.Keys(living)), func(name string) bool { return strings.HasPrefix(name, store.LifePrefix) }):
		entries, err = s.Store().Load(ctx)
	}
	if err != nil {
		return nil, err
	}
	var open []string
	for i := range entries {
		e := &entries[i]
		if !e.State.Open() || e.Life == "" || e.Lease != s.Lease().Name || !concerns(e) {
			continue
		}
		open = append(open, e.ID)
		if _, lives := living[e.Life]; !lives {
			if _, err := s.CloseLost(ctx, e); err != nil {
				return nil, err
			}
		}
	}
	return open, nil
}
