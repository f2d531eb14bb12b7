package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

func TestBackoffStaysInItsBounds(t *testing.T) {
	for n := 2; n < 80; n++ {
		for range 50 {
			d, err := middleware.Backoff(n, time.Second, time.Minute)
			ceiling := min(time.Second<<min(n-2, 20), time.Minute)
			if err != nil || d < 0 || d >= ceiling {
				t.Fatalf("before attempt %d: %s, %v; want below %s", n, d, err, ceiling)
			}
		}
	}
	for _, bad := range []struct {
		n           int
		base, limit time.Duration
	}{{1, 1, 1}, {2, 0, 1}, {2, 1, 0}, {2, -1, 1}} {
		if _, err := middleware.Backoff(bad.n, bad.base, bad.limit); !errors.Is(err, middleware.ErrRange) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestTimeoutInsideRetryBoundsEachAttempt(t *testing.T) {
	for name, order := range map[string][]seq.Part{
		"inside":  {middleware.Retry(3, time.Millisecond), middleware.Timeout(time.Minute)},
		"outside": {middleware.Timeout(time.Minute), middleware.Retry(3, time.Millisecond)},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := seq.New(store.NewMemory(), seqtest.Blocks("2024_01_15_120000_a")).Use(order...).Run(t.Context())
			if !errors.Is(err, middleware.ErrTimeout) {
				t.Errorf("%s: %v", name, err)
			}
			attempts := int(time.Since(began) / time.Minute)
			if want := map[string]int{"inside": 3, "outside": 1}[name]; attempts != want {
				t.Errorf("%s: %d attempts, want %d", name, attempts, want)
			}
		})
	}
}

func TestALateSuccessIsASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := seqtest.Succeeds("2024_01_15_120000_a")
		op.Run = func(context.Context) error { time.Sleep(time.Hour); return nil }
		if _, err := seq.New(store.NewMemory(), op).Use(middleware.Timeout(time.Minute)).Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRetryNeverRepeatsAOnce(t *testing.T) {
	op := seqtest.FailsTimes("2024_01_15_120000_a", 1)
	op.Delivery = seq.Once
	if _, err := seq.New(store.NewMemory(), op).Use(middleware.Retry(5, time.Millisecond)).Run(t.Context()); err == nil {
		t.Error("a Once op was tried again")
	}
}

func TestRetryServesRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flaky := seqtest.Succeeds("2024_01_15_120000_a")
		flaky.Rollback = seqtest.FailsTimes("x", 2).Run
		r, err := seq.New(store.NewMemory(), flaky, seqtest.Fails("2024_01_15_120001_b", nil, "2024_01_15_120000_a")).
			Use(strategies.TransactionalBatch(), middleware.Retry(3, time.Second)).Run(t.Context())
		if err == nil || len(r.RolledBack()) != 1 {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

func TestLogTellsEveryOutcome(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	tolerated := seqtest.Fails("2024_01_15_120001_b", nil)
	tolerated.AllowedToFail = true
	_, err := seq.New(store.NewMemory(),
		seqtest.Succeeds("2024_01_15_120000_a"), tolerated, seqtest.Succeeds("2024_01_15_120002_c", "2024_01_15_120001_b"),
		seqtest.Fails("2024_01_15_120003_d", errors.New("evil\x1b[31m\ntext"), "2024_01_15_120000_a"),
	).Use(strategies.TransactionalBatch(strategies.Limit(1)), middleware.Log(logger)).Run(t.Context())
	if err == nil {
		t.Fatal("d is to fail")
	}
	for _, want := range []string{
		`msg="seq: run started"`, "steps=4", "op=2024_01_15_120000_a direction=run attempt=1 state=succeeded",
		"level=WARN", "state=tolerated", "state=skipped", "level=ERROR", "state=failed",
		"direction=rollback", "state=rolled-back", `msg="seq: run finished"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("an escape sequence came through")
	}
}

// A watcher that panics changes nothing.
func TestAWatcherThatPanics(t *testing.T) {
	bad := middleware.Middleware{Name: "bad", Watch: func(middleware.Event) { panic("no") }}
	if _, err := seq.New(store.NewMemory(), seqtest.Succeeds("2024_01_15_120000_a")).Use(bad).Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// A middleware that panics fails the op, and leaves no attempt open.
func TestAMiddlewareThatPanics(t *testing.T) {
	bad := middleware.Middleware{Name: "bad", Step: func(middleware.Handler) middleware.Handler {
		return func(context.Context, *middleware.Call) error { panic("no") }
	}}
	ledger := store.NewMemory()
	_, err := seq.New(ledger, seqtest.Succeeds("2024_01_15_120000_a")).Use(bad).Run(t.Context())
	if !errors.Is(err, seq.ErrPanic) {
		t.Errorf("got %v", err)
	}
	seqtest.AssertState(t, ledger, "2024_01_15_120000_a", seq.Failed)
}
