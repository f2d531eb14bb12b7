package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// logged runs ops and returns the lines of the log, without times.
func logged(t *testing.T, run func(l *slog.Logger)) []string {
	t.Helper()
	var out bytes.Buffer
	run(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func with(lines []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.Contains(line, part) })
}

// reports is an op that tells of its progress every second.
func reports(id string, seconds int64) seq.Op {
	op := seqtest.Succeeds(id)
	op.Run = func(ctx context.Context) error {
		for i := range seconds {
			time.Sleep(time.Second)
			synctest.Wait() // the watchers have heard what was before
			if err := seq.Progress(ctx, i+1, seconds); err != nil {
				return err
			}
		}
		return nil
	}
	return op
}

func TestLogThrottlesProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := logged(t, func(l *slog.Logger) {
			s := seq.New(store.NewMemory(), reports("2024_01_15_120000_a", 40), reports("2024_01_15_120001_b", 40))
			if _, err := s.Use(strategies.Sequential(), middleware.Log(l)).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		for _, id := range []string{"2024_01_15_120000_a", "2024_01_15_120001_b"} {
			got := with(with(lines, "seq: progress"), id)
			if len(got) != 4 || !strings.Contains(got[3], "done=31 total=40 percent=77.5") {
				t.Errorf("%d lines of progress, want one in 10 s:\n%s", len(got), strings.Join(got, "\n"))
			}
		}
		if end := with(lines, "seq: settled"); len(end) != 2 || !strings.Contains(end[0], "duration=40s") {
			t.Errorf("%v", end)
		}
	})
}

func TestLogOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		slow := seqtest.Succeeds("2024_01_15_120000_a")
		slow.Run = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		elsewhere := seqtest.Succeeds("2024_01_15_120009_b")
		elsewhere.Environments = []string{"production"}
		skips := seqtest.Skips("2024_01_15_120001_c", "no rows")
		hash := ""
		lines := logged(t, func(l *slog.Logger) {
			s := seq.New(ledger, slow, skips, elsewhere).Use(middleware.Log(l), seq.InEnvironment("test"))
			p, err := s.Preview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			hash = p.Hash()
			if _, err := s.Run(t.Context(), seq.By("alice"), seq.Because("ticket 7")); err != nil {
				t.Fatal(err)
			}
		})
		for _, want := range []string{
			`seq: run started" strategy=sequential run=`, "steps=2 hash=" + hash + ` actor=alice reason="ticket 7"`,
			"duration=3s", `level=WARN msg="seq: settled" strategy=sequential`, `reason="no rows" state=skipped`,
			"state=succeeded duration=3s succeeded=1 skipped=1",
		} {
			if len(with(lines, want)) == 0 {
				t.Errorf("%q is not in\n%s", want, strings.Join(lines, "\n"))
			}
		}
		again := logged(t, func(l *slog.Logger) {
			if _, err := seq.New(ledger, slow, elsewhere).Use(middleware.Log(l), seq.InEnvironment("test")).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		if want := `level=INFO msg="seq: nothing to do" strategy=sequential steps=0 excluded=1`; len(again) != 1 || again[0] != want {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(again, "\n"), want)
		}
	})
}

func TestLogTellsDrift(t *testing.T) {
	op := seqtest.Succeeds("2024_01_15_120000_a")
	op.Checksum = "1"
	ledger := store.NewMemory()
	if _, err := seq.New(ledger, op).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	op.Checksum = "2"
	lines := logged(t, func(l *slog.Logger) {
		if _, err := seq.New(ledger, op, seqtest.Succeeds("2024_01_15_120001_b")).Use(middleware.Log(l)).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if len(with(lines, `level=WARN msg="seq: drift" op=2024_01_15_120000_a kind=changed`)) != 1 {
		t.Errorf("%s", strings.Join(lines, "\n"))
	}
}

func TestThrottleLetsAllElseThrough(t *testing.T) {
	at := time.Date(2024, 1, 15, 0, 0, 0, 0, time.UTC)
	var got []string
	watch := middleware.Throttle(10*time.Second, func(e middleware.Event) { got = append(got, fmt.Sprintf("%s %s %d", e.Kind, e.ID, e.Done)) })
	send := func(kind middleware.EventKind, id string, second, done int64) {
		watch(middleware.Event{Kind: kind, ID: id, Time: at.Add(time.Duration(second) * time.Second), Done: done})
	}
	send(middleware.EventProgress, "a", 0, 1)
	send(middleware.EventProgress, "a", 9, 2)
	send(middleware.EventProgress, "b", 9, 1)
	send(middleware.EventProgress, "a", 10, 3)
	send(middleware.EventRetrying, "a", 11, 0)
	send(middleware.EventSettled, "a", 12, 0)
	send(middleware.EventProgress, "a", 13, 4)
	want := []string{"progress a 1", "progress b 1", "progress a 3", "retrying a 0", "settled a 0", "progress a 4"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheEventAsJSON(t *testing.T) {
	text, err := json.Marshal(middleware.Event{
		Kind: middleware.EventRunFinished, Actor: "a", Hash: "h", Log: []string{"l"}, Duration: time.Second, Counts: map[store.State]int{store.Skipped: 2},
	})
	for _, want := range []string{`"Actor":"a"`, `"Hash":"h"`, `"Log":["l"]`, `"Duration":1000000000`, `"Counts":{"skipped":2}`} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v: %s has no %s", err, text, want)
		}
	}
}
