package middleware

import (
	"context"
	"log/slog"

	"github.com/sequencer-go/seq/store"
)

// Log writes what happens in a run to l, nil meaning slog.Default(): progress at Info, what was
// skipped, tolerated, retried or waits at Warn, failures at Error. It may stand anywhere.
func Log(l *slog.Logger) Middleware {
	return Middleware{Name: "log", Watch: func(e Event) {
		logger := l
		if logger == nil {
			logger = slog.Default()
		}
		level, attrs := describe(e)
		logger.LogAttrs(context.Background(), level, "seq: "+e.Kind.String(), attrs...)
	}}
}

func describe(e Event) (slog.Level, []slog.Attr) {
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
	add(e.Kind == EventRunStarted, slog.Int64("steps", e.Total))
	add(e.Delay > 0, slog.Duration("delay", e.Delay))
	add(e.Reason != "", slog.String("reason", e.Reason))
	add(e.Stack != "", slog.String("stack", e.Stack))
	add(e.Err != nil, slog.String("error", store.ErrorText(e.Err)))
	switch e.Kind {
	case EventWaiting, EventOverdue, EventRetrying:
		level = slog.LevelWarn
	case EventSettled:
		attrs = append(attrs, slog.String("state", e.State.String()))
		switch e.State {
		case store.Failed, store.Indeterminate, store.RollbackFailed:
			level = slog.LevelError
		case store.Skipped, store.Tolerated:
			level = slog.LevelWarn
		}
	case EventRunFinished:
		attrs = append(attrs, slog.String("state", e.RunState.String()))
		if e.RunState != store.RunSucceeded {
			level = slog.LevelError
		}
	}
	return level, attrs
}
