package seqotel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	seqotel "github.com/sequencer-go/seq/otel"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// A pgError is one as drivers of Postgres have it.
type pgError struct{}

func (pgError) Error() string    { return "duplicate key value violates unique constraint" }
func (pgError) SQLState() string { return "23505" }

func TestTheTypeOfAnErrorSaysSomething(t *testing.T) {
	for want, run := range map[string]func(context.Context) error{
		"23505":                  func(context.Context) error { return fmt.Errorf("fill names: %w", pgError{}) },
		"panic":                  func(context.Context) error { panic("nil map") },
		"canceled":               func(context.Context) error { return fmt.Errorf("read: %w", context.Canceled) },
		"timeout":                func(context.Context) error { return fmt.Errorf("read: %w", context.DeadlineExceeded) },
		"seqotel_test.permanent": func(context.Context) error { return seq.Permanent(fmt.Errorf("fill: %w", permanent{})) },
		"_OTHER":                 func(context.Context) error { return errors.Join(errors.New("no such file"), nil) },
	} {
		t.Run(want, func(t *testing.T) {
			spans, _, err := record(t, t.Context(), nil, seq.Op{ID: "2024_01_15_120000_a", Run: run})
			if err == nil {
				t.Fatal("the run did not fail")
			}
			op := spans["seq.op 2024_01_15_120000_a"]
			if got := attr(op, "error.type"); got != want {
				t.Errorf("error.type is %q, want %q", got, want)
			}
			if e := op.Events(); len(e) != 1 || e[0].Name != "exception" || op.Status().Code != codes.Error {
				t.Errorf("a failure is no exception: %v %v", e, op.Status())
			}
		})
	}
}

type permanent struct{}

func (permanent) Error() string { return "the file is gone for good" }

func TestAnErrorThatWasHandledIsNoException(t *testing.T) {
	spans, _, err := record(t, t.Context(), []seq.Part{strategies.AllowedToFailBatch(), middleware.Retry(2, time.Nanosecond)},
		seq.Op{ID: "2024_01_15_120000_a", AllowedToFail: true, Run: func(context.Context) error { return pgError{} }})
	if err != nil {
		t.Fatal(err)
	}
	op := spans["seq.op 2024_01_15_120000_a"]
	if op.Status().Code == codes.Error || len(op.Events()) != 2 {
		t.Errorf("got %v, events %v", op.Status(), op.Events())
	}
	for i, want := range []string{"retrying", "tolerated"} {
		e := op.Events()[i]
		told := map[string]string{}
		for _, a := range e.Attributes {
			told[string(a.Key)] = a.Value.String()
		}
		if e.Name != want || told["error.type"] != "23505" || told["error.message"] != (pgError{}).Error() || told["exception.type"] != "" {
			t.Errorf("got event %s with %v", e.Name, told)
		}
	}
}

func TestARunSaysItsPlanAndWhoWantedItAndWhy(t *testing.T) {
	ledger, spans := store.NewMemory(), tracetest.NewSpanRecorder()
	s := seq.New(ledger, seq.Op{ID: "2024_01_15_120000_a", Run: ok}).Use(seqotel.Middleware(
		seqotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		seqotel.WithLedger(ledger),
	))
	plan, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), seq.By("ann"), seq.Because("release 7")); err != nil {
		t.Fatal(err)
	}
	for _, span := range spans.Ended() {
		if scope := span.InstrumentationScope(); scope.Version == "" || scope.SchemaURL == "" {
			t.Errorf("%s: the scope tells no version: %+v", span.Name(), scope)
		}
		if span.Name() != "seq.run" {
			continue
		}
		if attr(span, "seq.plan.hash") != plan.Hash() || attr(span, "seq.actor") != "ann" || attr(span, "seq.reason") != "release 7" || attr(span, "seq.strategy") != "sequential" {
			t.Errorf("got %v", span.Attributes())
		}
	}
}

// collected are the values of the gauges.
func collected(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, s := range data.ScopeMetrics {
		for _, m := range s.Metrics {
			if g, is := m.Data.(metricdata.Gauge[int64]); is && len(g.DataPoints) == 1 {
				got[m.Name] = g.DataPoints[0].Value
			}
		}
	}
	return got
}

func TestGaugesSayHowTheLedgerStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := errors.New("no")
		ledger, reader := store.NewMemory(), sdkmetric.NewManualReader()
		s := seq.New(ledger,
			seq.Op{ID: "2024_01_15_120000_a", Run: func(context.Context) error { return fails }},
			seq.Op{ID: "2024_01_15_120001_b", Run: ok, ExecuteAt: func(now time.Time) time.Time { return now.Add(time.Hour) }},
			seq.Op{ID: "2024_01_15_120002_c", Run: ok, AllowedToFail: true},
		).Use(strategies.AllowedToFailBatch())
		stop, err := seqotel.Observe(s, seqotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
		if err != nil {
			t.Fatal(err)
		}
		want := func(step string, want map[string]int64) {
			t.Helper()
			if len(want) > 0 {
				want["seq.background.unattended"], want["seq.ledger.held"] = 0, 0
			}
			if got := collected(t, reader); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s\ngot  %v\nwant %v", step, got, want)
			}
			_ = clock.Sleep(t.Context(), clock.Wall(), 10*time.Second)
		}
		want("before", map[string]int64{"seq.op.required": 3, "seq.op.failed": 0, "seq.op.overdue": 0, "seq.op.needs_person": 0})
		if _, err := s.Run(t.Context()); err == nil {
			t.Fatal("the run did not fail")
		}
		want("after a failure", map[string]int64{"seq.op.required": 1, "seq.op.failed": 1, "seq.op.overdue": 0, "seq.op.needs_person": 0})
		fails = nil
		good := time.Now().Unix()
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("after a good run", map[string]int64{"seq.op.required": 0, "seq.op.failed": 0, "seq.op.overdue": 0, "seq.op.needs_person": 0, "seq.run.last_success": good})
		_ = clock.Sleep(t.Context(), clock.Wall(), 2*time.Hour)
		want("when it is due", map[string]int64{"seq.op.required": 1, "seq.op.failed": 0, "seq.op.overdue": 1, "seq.op.needs_person": 0, "seq.run.last_success": good})

		lease, err := ledger.Acquire(t.Context(), store.RunLease, store.Owner{Host: "dead"})
		if err != nil {
			t.Fatal(err)
		}
		claim := store.Claim{ID: "2024_01_15_120003_gone", Token: store.NewToken(), Delivery: seq.Once, Attempt: 1, Generation: 1}
		for _, b := range []store.Batch{{Claims: []store.Claim{claim}}, {Outcomes: []store.Outcome{{ID: claim.ID, Token: claim.Token, State: seq.Indeterminate}}}} {
			if _, err := ledger.Write(t.Context(), lease, b); err != nil {
				t.Fatal(err)
			}
		}
		want("in doubt", map[string]int64{"seq.op.required": 1, "seq.op.failed": 0, "seq.op.overdue": 1, "seq.op.needs_person": 1, "seq.run.last_success": good})
		if err := stop(); err != nil {
			t.Error(err)
		}
		want("stopped", map[string]int64{})
	})
}
