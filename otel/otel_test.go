package seqotel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	seqotel "github.com/sequencer-go/seq/otel"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

func ok(context.Context) error { return nil }

// record runs ops and returns the spans, by name, and the metrics.
func record(t *testing.T, ctx context.Context, parts []seq.Part, ops ...seq.Op) (map[string]sdktrace.ReadOnlySpan, metricdata.ResourceMetrics, error) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	reader := sdkmetric.NewManualReader()
	s := seq.New(store.NewMemory(), ops...).Use(parts...).Use(seqotel.Middleware(
		seqotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		seqotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
	))
	_, err := s.Run(ctx)
	byName := map[string]sdktrace.ReadOnlySpan{}
	for _, span := range spans.Ended() {
		byName[span.Name()] = span
	}
	if n := len(spans.Started()) - len(spans.Ended()); n != 0 {
		t.Errorf("%d spans have not ended when Run returns", n)
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	return byName, data, err
}

func attr(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestSpansNest(t *testing.T) {
	caller := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	var inside trace.SpanContext
	spans, _, err := record(t, trace.ContextWithSpanContext(t.Context(), caller), nil, seq.Op{ID: "2024_01_15_120000_a", Run: func(ctx context.Context) error {
		inside = trace.SpanContextFromContext(ctx)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	run, op := spans["seq.run"], spans["seq.op 2024_01_15_120000_a"]
	if run == nil || op == nil {
		t.Fatalf("got %v", spans)
	}
	if run.Parent().SpanID() != caller.SpanID() || op.Parent().SpanID() != run.SpanContext().SpanID() || inside.SpanID() != op.SpanContext().SpanID() {
		t.Error("want caller > run > op > what the op does")
	}
	if got := attr(op, "seq.state"); got != "succeeded" {
		t.Errorf("seq.state is %q", got)
	}
	if got := attr(op, "seq.run.id"); got == "" || got != attr(run, "seq.run.id") {
		t.Errorf("seq.run.id is %q", got)
	}
	if got := attr(op, "seq.attempt"); got != "1" {
		t.Errorf("seq.attempt is %q", got)
	}
}

func TestRetriesAreEventsOnOneSpan(t *testing.T) {
	tries := 0
	spans, _, err := record(t, t.Context(), []seq.Part{middleware.Retry(3, time.Nanosecond)}, seq.Op{ID: "2024_01_15_120000_a", Run: func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	op := spans["seq.op 2024_01_15_120000_a"]
	if op == nil || len(spans) != 2 {
		t.Fatalf("got %v", spans)
	}
	var names []string
	for _, e := range op.Events() {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, []string{"retrying", "retrying"}) || op.Status().Code == codes.Error {
		t.Errorf("got events %v, status %v", names, op.Status())
	}
}

func TestFailureAndRollback(t *testing.T) {
	spans, data, err := record(t, t.Context(), []seq.Part{strategies.TransactionalBatch()},
		seq.Op{ID: "2024_01_15_120000_a", Kind: seq.Migration, Run: ok, Rollback: ok},
		seq.Op{ID: "2024_01_15_120001_b", Run: func(context.Context) error { return errors.New("no such table") }},
	)
	if err == nil {
		t.Fatal("the run did not fail")
	}
	failed, undone, run := spans["seq.op 2024_01_15_120001_b"], spans["seq.op.rollback 2024_01_15_120000_a"], spans["seq.run"]
	if failed == nil || undone == nil || run == nil {
		t.Fatalf("got %v", spans)
	}
	if failed.Status().Code != codes.Error || attr(failed, "seq.state") != "failed" || len(failed.Events()) != 1 {
		t.Errorf("failed op: %v %v %v", failed.Status(), failed.Attributes(), failed.Events())
	}
	if attr(undone, "seq.state") != "rolled-back" || undone.Parent().SpanID() != run.SpanContext().SpanID() {
		t.Errorf("rollback: %v", undone.Attributes())
	}
	if attr(run, "seq.run.state") != "rolled-back" || run.Status().Code != codes.Error {
		t.Errorf("run: %v %v", run.Attributes(), run.Status())
	}
	got := map[string]int64{}
	for _, m := range data.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				state, _ := p.Attributes.Value("seq.state")
				runState, _ := p.Attributes.Value("seq.run.state")
				got[m.Name+" "+state.AsString()+runState.AsString()] += p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				got[m.Name+" "+m.Unit] += int64(p.Count)
				if kind, failed := p.Attributes.Value("error.type"); failed {
					got["error.type "+kind.AsString()] += int64(p.Count)
				}
				if last := p.Bounds[len(p.Bounds)-1]; last < 3600 {
					t.Errorf("%s: whatever takes longer than %v s looks alike", m.Name, last)
				}
				if p.Attributes.HasValue("seq.op.id") || p.Attributes.HasValue("seq.run.id") {
					t.Errorf("%s has a series per op or run", m.Name)
				}
			}
		}
	}
	want := map[string]int64{
		"error.type _OTHER":  1,
		"seq.op.duration s":  3,
		"seq.run.duration s": 1, "seq.op.settled succeeded": 1, "seq.op.settled failed": 1, "seq.op.settled rolled-back": 1, "seq.run.finished rolled-back": 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A span per run and per op, with the op's own below.
func Example() {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)) // with an exporter, in a service
	deploy := seq.New(store.NewMemory(), seq.Op{
		ID: "2024_01_15_120000_backfill",
		Run: func(ctx context.Context) error {
			_, span := provider.Tracer("shop").Start(ctx, "read the old table")
			defer span.End()
			return nil
		},
	}).Use(seqotel.Middleware(seqotel.WithTracerProvider(provider)))
	if _, err := deploy.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	for _, s := range spans.Started() {
		fmt.Println(s.Name())
	}
	// Output:
	// seq.run
	// seq.op 2024_01_15_120000_backfill
	// read the old table
}
