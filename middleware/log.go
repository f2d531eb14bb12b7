package middleware

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// Log writes what happens in a run to l, nil meaning slog.Default(). It may stand anywhere.
//
//   - The run: at Info, with the number of steps, the hash of the plan, how many ops are excluded, and the
//     actor and the reason of who asked; at its end with the number of steps in each state and the
//     duration, at Error unless it succeeded. That there is nothing to do, at Info.
//   - A step: its start and end at Info, the end with the duration; at Warn if it was skipped, tolerated
//     or is tried again, or waits; at Error if it failed.
//   - Progress: at Info, a line per op in [ProgressPause], with done, total and percent if the total is
//     known.
//   - What differs between code and ledger, at Warn; the plan, and each op that it excludes, at Debug.
func Log(l *slog.Logger) Middleware {
	write := func(level slog.Level, message string, attrs ...slog.Attr) {
		logger := l
		if logger == nil {
			logger = slog.Default()
		}
		logger.LogAttrs(context.Background(), level, "seq: "+message, attrs...)
	}
	return Middleware{Name: "log", Watch: Throttle(ProgressPause, func(e Event) {
		level, attrs := describe(&e)
		write(level, e.Kind.String(), attrs...)
		if e.Plan == nil {
			return
		}
		for _, f := range e.Plan.Findings {
			write(slog.LevelWarn, "drift", slog.String("op", f.ID), slog.String("kind", f.Kind), slog.String("detail", f.Detail))
		}
		for _, x := range e.Plan.Excluded {
			write(slog.LevelDebug, "excluded", slog.String("op", x.ID), slog.String("reason", x.Reason))
		}
	})}
}

// describe is the level of an event's line, and what it says.
func describe(e *Event) (slog.Level, []slog.Attr) {
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("strategy", e.Strategy)}
	add := func(when bool, a slog.Attr) {
		if when {
			attrs = append(attrs, a)
		}
	}
	add(e.Run != "", slog.String("run", e.Run))
	add(e.ID != "", slog.String("op", e.ID))
	add(e.ID != "", slog.String("direction", e.Direction.String()))
	add(e.Attempt > 0, slog.Int("attempt", e.Attempt))
	add(e.Kind == EventRunStarted || e.Kind == EventNothingToDo, slog.Int64("steps", e.Total))
	add(e.Hash != "", slog.String("hash", e.Hash))
	add(e.Actor != "", slog.String("actor", e.Actor))
	add(e.Delay > 0, slog.Duration("delay", e.Delay))
	add(e.Reason != "", slog.String("reason", e.Reason))
	add(e.Stack != "", slog.String("stack", e.Stack))
	add(e.Err != nil, slog.String("error", store.ErrorText(e.Err)))
	switch e.Kind {
	case EventWaiting, EventOverdue, EventRetrying:
		level = slog.LevelWarn
	case EventPlanned, EventNothingToDo:
		if e.Kind == EventPlanned {
			level = slog.LevelDebug
		}
		attrs = append(attrs, planned(e.Plan)...)
	case EventProgress:
		attrs = append(attrs, slog.Int64("done", e.Done))
		add(e.Total > 0, slog.Int64("total", e.Total))
		add(e.Total > 0, slog.String("percent", percent(e.Done, e.Total)))
		add(e.Pace.Rate > 0, slog.Float64("rate", e.Pace.Rate))
		add(e.Pace.Estimate == EstimateGood, slog.Duration("remaining", e.Pace.Remaining))
	case EventSettled:
		attrs = append(attrs, slog.String("state", e.State.String()))
		add(e.Attempt > 0, slog.Duration("duration", e.Duration))
		switch e.State {
		case store.Failed, store.Indeterminate, store.RollbackFailed:
			level = slog.LevelError
		case store.Skipped, store.Tolerated:
			level = slog.LevelWarn
		}
	case EventRunFinished:
		attrs = append(attrs, slog.String("state", e.RunState.String()), slog.Duration("duration", e.Duration))
		for s := store.Pending; s <= store.Waived; s++ {
			add(e.Counts[s] > 0, slog.Int(s.String(), e.Counts[s]))
		}
		if e.RunState != store.RunSucceeded {
			level = slog.LevelError
		}
	}
	return level, attrs
}

func planned(p *plan.Plan) []slog.Attr {
	if p == nil || len(p.Excluded) == 0 {
		return nil
	}
	return []slog.Attr{slog.Int("excluded", len(p.Excluded))}
}

// percent is how much of total is done, as "41.5".
func percent(done, total int64) string {
	return fmt.Sprintf("%.1f", 100*float64(done)/float64(total))
}
