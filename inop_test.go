package seq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

func infoOfOp(t *testing.T, s seq.Strategy) {
	var got []seq.OpInfo
	failing := true
	op := ok("a")
	op.Retry = seq.Retry{Attempts: 2}
	op.Run = func(ctx context.Context) error {
		info, in := seq.Info(ctx)
		if !in {
			t.Error("Info knows nothing in an op")
		}
		if got = append(got, info); failing {
			return errBoom
		}
		return nil
	}
	op.Rollback = op.Run
	b := newBench(t, s, op)
	b.seq.Use(seq.InEnvironment("test"))
	_, _ = b.run()
	failing = false
	r := b.mustRun()
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := b.mustRun()
	want := []seq.OpInfo{
		{ID: id("a"), Run: got[0].Run, Attempt: 1, Call: 1},
		{ID: id("a"), Run: got[0].Run, Attempt: 1, Call: 2, Retry: true},
		{ID: id("a"), Run: r.Run, Attempt: 2, Call: 1, Retry: true},
		{ID: id("a"), Run: got[3].Run, Attempt: 3, Call: 1, Direction: seq.Rollback},
		{ID: id("a"), Run: again.Run, Attempt: 4, Call: 1},
	}
	for i := range want {
		want[i].Environment, want[i].Strategy = "test", r.Strategy
		if want[i].Direction == seq.Rollback {
			want[i].Strategy = "rollback"
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if _, in := seq.Info(t.Context()); in {
		t.Error("Info knows something outside of an op")
	}
}

func loggerOfOp(t *testing.T, s seq.Strategy) {
	var out bytes.Buffer
	op := ok("a")
	op.Run = func(ctx context.Context) error {
		log := seq.Logger(ctx)
		log.Debug("not kept")
		for i := range seq.MaxLogLines + 10 {
			log.With("n", i).Info("line")
		}
		log.WithGroup("g").Warn("long", "text", strings.Repeat("é", seq.MaxLogLineBytes))
		return nil
	}
	b := newBench(t, s, op)
	b.seq.Use(seq.WithLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	r := b.mustRun()
	lines := r.Step(id("a")).Log
	if len(lines) != seq.MaxLogLines || !strings.Contains(lines[0], "msg=line n=11") {
		t.Errorf("%d lines, the first %q", len(lines), lines[:1])
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "level=WARN") || len(last) > seq.MaxLogLineBytes || !strings.HasSuffix(last, "…") {
		t.Errorf("the last is %d bytes: %q", len(last), last)
	}
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "op="+id("a")+" run="+r.Run+" attempt=1 direction=run") {
		t.Errorf("the logger has %q", text)
	}
	for _, e := range b.rec.Events() {
		if e.Kind == middleware.EventSettled && len(e.Log) != seq.MaxLogLines {
			t.Errorf("the event has %d lines", len(e.Log))
		}
	}
}

func TestAConditionKnowsItsOp(t *testing.T) {
	var out bytes.Buffer
	op := ok("a")
	op.ShouldRun = func(ctx context.Context) (bool, error) {
		info, in := seq.Info(ctx)
		if want := (seq.OpInfo{ID: id("a"), Run: info.Run, Strategy: "sequential", Environment: "test"}); !in || info != want || info.Run == "" {
			t.Errorf("got %+v, %t", info, in)
		}
		seq.Logger(ctx).Info("looking")
		return false, nil
	}
	l := slog.New(slog.NewTextHandler(&out, nil))
	r, err := seq.New(store.NewMemory(), op).Use(seq.WithLogger(l), seq.InEnvironment("test")).Run(t.Context())
	if err != nil || !strings.Contains(out.String(), "msg=looking op="+id("a")+" run="+r.Run) {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestLoggerOutsideOfAnOp(t *testing.T) {
	if seq.Logger(t.Context()) != slog.Default() {
		t.Error("it is not the default")
	}
}

// A secret in an error, a reason or a log line reaches nobody.
func redacts(t *testing.T, s seq.Strategy) {
	const secret = "hunter2"
	var log bytes.Buffer
	boom := tolerated(ok("a"))
	boom.Retry = seq.Retry{Attempts: 2}
	boom.Run = func(ctx context.Context) error {
		seq.Logger(ctx).Info("password " + secret)
		return fmt.Errorf("dial with %s: %w", secret, errBoom)
	}
	panicking := tolerated(ok("b"))
	panicking.Run = func(context.Context) error { panic("panic with " + secret) }
	skipping := ok("c")
	skipping.Run = seqFails(seq.Skip("no " + secret))
	asking := tolerated(ok("d"))
	asking.ShouldRun = func(context.Context) (bool, error) { return false, errors.New(secret) }
	skipped := ok("e")
	skipped.ShouldRun = func(context.Context) (bool, error) { return false, seq.Skip("no " + secret) }
	undone := ok("f")
	undone.Rollback = seqFails(errors.New(secret))
	b := newBench(t, s, boom, panicking, skipping, asking, skipped, undone)
	b.seq.Use(
		middleware.Log(slog.New(slog.NewTextHandler(&log, nil))),
		seq.WithLogger(slog.New(slog.DiscardHandler)),
		hook(middleware.LayerCall, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
			err := next(ctx, c)
			if err != nil {
				err = fmt.Errorf("a hook adds %s: %w", secret, err)
			}
			return err
		}),
		seq.Redact(func(text string) string { return strings.ReplaceAll(text, secret, "***") }),
	)
	r := b.mustRun()
	_, err := b.seq.Rollback(t.Context(), seq.Only(id("f")))
	if !errors.Is(err, seq.ErrRollbackFailed) || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
	if step := r.Step(id("a")); !errors.Is(step.Err, errBoom) || step.Retries != 1 {
		t.Errorf("%+v", step)
	}
	texts := []string{log.String(), r.String(), fmt.Sprintf("%+v", r.Steps)}
	for _, e := range b.rec.Events() {
		line, _ := e.MarshalJSON()
		texts = append(texts, string(line))
	}
	entries, _ := b.store.Load(t.Context())
	for _, e := range entries {
		history, _ := b.store.History(t.Context(), e.ID, store.Page{Limit: 100})
		texts = append(texts, e.Error, fmt.Sprintf("%+v", history))
	}
	for _, text := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("it is in %s", text)
		}
	}
	if !strings.Contains(strings.Join(texts, ""), "***") {
		t.Error("nothing was redacted")
	}
}

func TestARedactionThatPanicsWithholds(t *testing.T) {
	op := ok("a")
	op.Run = seqFails(errBoom)
	ledger := store.NewMemory()
	_, err := seq.New(ledger, op).Use(seq.Redact(func(string) string { panic("no") })).Run(t.Context())
	if !errors.Is(err, errBoom) || strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "withheld") {
		t.Errorf("got %v", err)
	}
}

func nothingToDo(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"))
	b.mustRun()
	b.rec.Reset()
	b.mustRun()
	events := b.rec.Events()
	if len(events) != 1 || events[0].Kind != middleware.EventNothingToDo || events[0].Plan == nil || events[0].Total != 0 {
		t.Errorf("%+v", events)
	}
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.rec.Reset()
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	events = slices.DeleteFunc(b.rec.Events(), func(e middleware.Event) bool { return e.Kind == middleware.EventLeaseAcquired })
	if len(events) != 1 || events[0].Kind != middleware.EventNothingToDo || events[0].Plan.Direction != seq.Rollback || events[0].Strategy != "rollback" {
		t.Errorf("%+v", events)
	}
}

// TestAConditionReadsTheDatabase: what decides whether an op runs is mostly in the tables it works on.
func TestAConditionReadsTheDatabase(t *testing.T) {
	ledger, err := sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	for _, delivery := range []seq.Delivery{seq.Repeatable, seq.Transactional} {
		op := ok("a")
		op.Delivery = delivery
		op.ShouldRun = func(ctx context.Context) (bool, error) {
			var n int
			err := bunstore.DB(ctx).QueryRowContext(ctx, "SELECT 7").Scan(&n)
			return n != 7, err
		}
		r, err := seq.New(ledger, op).Run(t.Context())
		if err != nil || len(r.Skipped()) != 1 {
			t.Errorf("%v\n%s", err, r)
		}
	}
}

// An op finds its database also in a strategy that keeps no record there.
func TestAnUnrecordedOpReadsTheDatabase(t *testing.T) {
	ledger, err := sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	op := ok("a")
	op.Run = func(ctx context.Context) error {
		var n int
		return bunstore.DB(ctx).QueryRowContext(ctx, "SELECT 7").Scan(&n)
	}
	if _, err := seq.New(ledger, op).Use(middleware.Unrecorded()).Run(t.Context()); err != nil {
		t.Error(err)
	}
}
