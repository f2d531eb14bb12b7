package seqotel_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	seqotel "github.com/sequencer-go/seq/otel"
	"github.com/sequencer-go/seq/store"
)

const plans = "2024_01_15_120000_plans"

// counting counts to 20 in the background, a batch in five seconds.
func counting() seq.Op {
	return seq.Op{ID: plans, Delivery: seq.Resumable, Background: true, Run: func(ctx context.Context) error {
		var cursor int64
		if _, err := seq.Saved(ctx, &cursor); err != nil {
			return err
		}
		for ; cursor < 20; cursor++ {
			err := seq.Checkpoint(ctx, func(ctx context.Context) (seq.Point, error) {
				return seq.Point{Cursor: cursor + 1, Done: cursor + 1, Total: 20, Pace: seq.Pace{DeadLetters: 3}}, clock.Sleep(ctx, clock.Wall(), 5*time.Second)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}}
}

func TestWorkInTheBackgroundHasSpansAndGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
		s := seq.New(store.NewMemory(), counting()).Use(seqotel.Middleware(
			seqotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
			seqotel.WithMeterProvider(sdkmetric.NewMeterProvider()),
		))
		stop, err := seqotel.Observe(s, seqotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stop() }()
		want := func(step string, want map[string]int64) {
			t.Helper()
			got := collected(t, reader)
			for name, n := range want {
				if is, there := got[name]; there != (n >= 0) || there && is != n {
					t.Errorf("%s: %s is %d (%v), want %d", step, name, is, there, n)
				}
			}
		}
		want("before anybody works", map[string]int64{"seq.op.required": 0, "seq.background.unattended": 1, "seq.background.done": 0, "seq.background.total": -1, "seq.background.checkpoint_age": -1})
		work := func(d time.Duration) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); _ = s.Work(ctx) }()
			_ = clock.Sleep(t.Context(), clock.Wall(), d)
			want("while somebody works", map[string]int64{
				"seq.background.unattended": 0, "seq.background.done": 5, "seq.background.total": 20, "seq.background.dead_letters": 3, "seq.background.checkpoint_age": 2, "seq.ledger.held": 0,
			})
			cancel()
			<-ended
		}
		work(27 * time.Second)
		by, why := seq.By("ann"), seq.Because("why")
		if _, err := s.Hold(t.Context(), by, why); err != nil {
			t.Fatal(err)
		}
		_ = clock.Sleep(t.Context(), clock.Wall(), 10*time.Second)
		want("handed over", map[string]int64{"seq.background.unattended": 1, "seq.background.done": 5, "seq.background.checkpoint_age": -1, "seq.ledger.held": 1})
		if _, err := s.Cancel(t.Context(), plans, by, why); err != nil {
			t.Fatal(err)
		}
		_ = clock.Sleep(t.Context(), clock.Wall(), 10*time.Second)
		want("cancelled", map[string]int64{"seq.background.unattended": 0, "seq.background.done": -1})

		ended := spans.Ended()
		if len(ended) != 2 || len(spans.Started()) != 2 {
			t.Fatalf("%d spans, %d of them ended", len(spans.Started()), len(ended))
		}
		op, run := ended[0], ended[1]
		if op.Name() != "seq.op "+plans || run.Name() != "seq.run" || op.Parent().SpanID() != run.SpanContext().SpanID() {
			t.Errorf("the spans are %s and %s", op.Name(), run.Name())
		}
		if attr(run, "seq.strategy") != "work" || attr(run, "seq.plan.hash") == "" || attr(op, "seq.state") != "pending" || run.Status().Code == codes.Error || op.Status().Code == codes.Error {
			t.Errorf("handed over, the run is %v %v, the op %v %v", run.Attributes(), run.Status(), op.Attributes(), op.Status())
		}
		if took := run.EndTime().Sub(run.StartTime()); took < 25*time.Second || took > 30*time.Second {
			t.Errorf("the run took %s", took)
		}
	})
}
