package console

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

const (
	linesOfAttempt = 200  // kept, the first of them
	linesOfRun     = 5000 // of all attempts together
	lineLength     = 512  // bytes
)

// logLines are what an attempt logged.
type logLines struct {
	lines []string
	more  int // that were not kept
}

// callKey is the key of the *middleware.Call in the context of an op.
type callKey struct{}

// step makes the context of an op tell which attempt it belongs to.
func (n *News) step(next middleware.Handler) middleware.Handler {
	return func(ctx context.Context, call *middleware.Call) error {
		return next(context.WithValue(ctx, callKey{}, call), call)
	}
}

// LogHandler keeps what ops log, for the pages of their attempts, and hands each record on to next.
// It keeps what was logged with the context of an op, as by [slog.InfoContext], in this process; of an
// attempt the first 200 lines, each cut at 512 bytes, and of the eight latest runs. The sequencer must
// use [News.Middleware].
//
//	slog.SetDefault(slog.New(news.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
func (n *News) LogHandler(next slog.Handler) slog.Handler {
	p := &linePen{}
	p.text = slog.NewTextHandler(&p.buf, &slog.HandlerOptions{Level: slog.Level(-1 << 20), ReplaceAttr: withoutDate})
	return &logHandler{news: n, next: next, pen: p, text: p.text}
}

// linePen writes one record at a time.
type linePen struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	text slog.Handler
}

type logHandler struct {
	news *News
	next slog.Handler
	pen  *linePen
	text slog.Handler // on the pen's buffer, with what WithAttrs and WithGroup added
}

// withoutDate shortens the time of a record to that of the day: the attempt has the date.
func withoutDate(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		return slog.String(slog.TimeKey, a.Value.Time().UTC().Format("15:04:05.000"))
	}
	return a
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if call, _ := ctx.Value(callKey{}).(*middleware.Call); call != nil {
		h.news.line(call, h.format(ctx, r))
	}
	return h.next.Handle(ctx, r)
}

func (h *logHandler) format(ctx context.Context, r slog.Record) string {
	h.pen.mu.Lock()
	defer h.pen.mu.Unlock()
	h.pen.buf.Reset()
	_ = h.text.Handle(ctx, r) // a buffer does not fail
	line := strings.TrimSuffix(h.pen.buf.String(), "\n")
	if len(line) > lineLength {
		line = strings.ToValidUTF8(line[:lineLength], "") + "…"
	}
	return line
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.news, h.next.WithAttrs(attrs), h.pen, h.text.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.news, h.next.WithGroup(name), h.pen, h.text.WithGroup(name)}
}

// line keeps a line of an attempt.
func (n *News) line(call *middleware.Call, line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	run := n.of(call.Run)
	key := attemptKey{call.Step.ID, call.Attempt}
	l := run.lines[key]
	if l == nil {
		if len(run.lines) == newsAttempts {
			return
		}
		l = &logLines{}
		run.lines[key] = l
	}
	if len(l.lines) == linesOfAttempt || run.kept == linesOfRun {
		l.more++
		return
	}
	l.lines = append(l.lines, line)
	run.kept++
}

// logged is what an attempt logged, as one text, and how many lines it lacks.
func (n *News) logged(a *store.Attempt) (text string, lines, more int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	run := n.heard[a.Run]
	if run == nil || run.lines[attemptKey{a.ID, a.Number}] == nil {
		return "", 0, 0
	}
	l := run.lines[attemptKey{a.ID, a.Number}]
	return strings.Join(l.lines, "\n"), len(l.lines), l.more
}
