package engine

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/store"
)

// attemptLog is the memory of what an op wrote to its logger in one attempt: the last lines of it.
type attemptLog struct {
	mu     sync.Mutex
	logger *slog.Logger
	lines  []string
	closed bool
}

// Logger implements opctx.Attempt. All calls in an attempt share it.
func (a *attempt) Logger() *slog.Logger {
	a.mu.Lock()
	if a.log == nil {
		a.log = &attemptLog{}
	}
	l := a.log
	a.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logger == nil {
		base := a.walk.baseLogger()
		attrs := []slog.Attr{
			slog.String("op", a.Step.ID), slog.String("run", a.Run), slog.Int("attempt", a.Attempt), slog.String("direction", a.Direction.String()),
		}
		keep := slog.NewTextHandler(&lineWriter{l, a.walk.redact}, &slog.HandlerOptions{Level: slog.LevelInfo})
		l.logger = slog.New(&teeHandler{base.Handler().WithAttrs(attrs), keep})
	}
	return l.logger
}

// logLines are the lines that are kept of the attempt, the oldest first; nil if there are none. From then
// on none are added. They go into the event and the report; a store that has room for them gets them with
// the outcome, from outcomeOf.
func (a *attempt) logLines() []string {
	a.mu.Lock()
	l := a.log
	a.mu.Unlock()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.lines
}

// lineWriter keeps lines: slog's handlers write a record in one call.
type lineWriter struct {
	log    *attemptLog
	redact redactor
}

func (w *lineWriter) Write(p []byte) (int, error) {
	line := w.redact.text(strings.TrimSuffix(string(p), "\n"))
	line = strings.ReplaceAll(strings.ToValidUTF8(line, "\uFFFD"), "\x00", "␀")
	if len(line) > opctx.MaxLogLineBytes {
		cut := opctx.MaxLogLineBytes - len("…")
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		line = line[:cut] + "…"
	}
	l := w.log
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
	case len(l.lines) < opctx.MaxLogLines:
		l.lines = append(l.lines, line)
	default:
		l.lines = append(slices.Delete(l.lines, 0, 1), line)
	}
	return len(p), nil
}

// teeHandler hands each record to two handlers.
type teeHandler struct{ base, keep slog.Handler }

func (t *teeHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return t.keep.Enabled(ctx, level) || t.base.Enabled(ctx, level)
}

func (t *teeHandler) Handle(ctx context.Context, r slog.Record) error {
	if t.keep.Enabled(ctx, r.Level) {
		_ = t.keep.Handle(ctx, r.Clone())
	}
	if !t.base.Enabled(ctx, r.Level) {
		return nil
	}
	return t.base.Handle(ctx, r)
}

func (t *teeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &teeHandler{t.base.WithAttrs(attrs), t.keep.WithAttrs(attrs)}
}

func (t *teeHandler) WithGroup(name string) slog.Handler {
	return &teeHandler{t.base.WithGroup(name), t.keep.WithGroup(name)}
}

// A question is an op whose condition is asked. Nothing of what that logs is kept: there is no attempt.
type question struct {
	walk *Walk
	step *step
}

// Info implements opctx.Subject.
func (q question) Info() opctx.Info {
	return opctx.Info{ID: q.step.plan.ID, Run: q.walk.session.Run.ID, Strategy: q.walk.strategy, Environment: q.walk.env}
}

// Logger implements opctx.Subject.
func (q question) Logger() *slog.Logger {
	return q.walk.baseLogger().With(slog.String("op", q.step.plan.ID), slog.String("run", q.walk.session.Run.ID))
}

// baseLogger is what the loggers of ops write to.
func (w *Walk) baseLogger() *slog.Logger {
	if w.logger == nil {
		return slog.Default()
	}
	return w.logger
}

// Info implements opctx.Attempt.
func (a *attempt) Info() opctx.Info {
	a.mu.Lock()
	calls := int(a.calls)
	a.mu.Unlock()
	e := a.step.known()
	retry := calls > 1 || e.Crashes > 0
	if a.Direction == store.Forward && e.Attempt > 0 && e.Seq == 0 && e.State != store.Skipped {
		retry = true
	}
	return opctx.Info{
		ID: a.Step.ID, Run: a.Run, Strategy: a.walk.strategy, Direction: uint8(a.Direction), Attempt: a.Attempt, Call: max(calls, 1),
		Retry: retry, Environment: a.walk.env,
	}
}
