// Package seqotel tells OpenTelemetry what a sequencer does: a span per run, below it a span per
// attempt at an op, and metrics.
//
//	sequencer.Use(seqotel.Middleware())
//
// It needs the API only; which SDK and exporter stand behind it is the service's affair.
package seqotel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq"
)

const scope = "github.com/sequencer-go/seq/otel"

// An Option adjusts the middleware.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// WithTracerProvider takes another provider than the global one.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithMeterProvider takes another provider than the global one.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// Middleware makes the spans and the metrics. The span of an attempt is in its op's context, so that
// what the op calls appears below it; tries of one attempt are events on it, and so are the
// headline moments of a run on the run's. An attempt's span ends when its outcome is known, which
// is before Run returns. Give each sequencer one of its own.
//
// Metrics: the histogram seq.op.duration in seconds, and the counters seq.op.settled,
// seq.op.retries and seq.run.finished. Where an op failed, span and metrics have error.type.
func Middleware(opts ...Option) seq.Middleware {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, o := range opts {
		o(&c)
	}
	t := &telemetry{tracer: c.tracers.Tracer(scope), runs: map[string]*run{}, ops: map[opKey]*op{}}
	err := t.instruments(c.meters.Meter(scope))
	return seq.Middleware{Name: "otel", Err: err, Step: t.step, Watch: t.watch}
}

// telemetry holds what is open.
type telemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	settled  metric.Int64Counter
	retries  metric.Int64Counter
	finished metric.Int64Counter

	mu   sync.Mutex
	runs map[string]*run
	ops  map[opKey]*op
}

type run struct {
	span    trace.Span // nil until an op is called: only then is the caller's context known
	started time.Time
	events  []func(trace.Span) // that came before the span
}

type opKey struct {
	run, id   string
	direction seq.Direction
}

type op struct {
	span    trace.Span
	started time.Time
}

// step starts the spans, in the context of the op. Middleware outside it may call it again for the
// same attempt, which is then still the same span.
func (t *telemetry) step(next seq.Handler) seq.Handler {
	return func(ctx context.Context, c *seq.Call) error {
		key := opKey{c.Run(), c.Step.Op.ID, c.Direction}
		t.mu.Lock()
		o := t.ops[key]
		if o == nil {
			now := c.Clock().Now()
			runSpan := t.runSpan(ctx, key.run, now)
			_, span := t.tracer.Start(trace.ContextWithSpan(ctx, runSpan), "seq."+c.Direction.String()+" "+key.id, trace.WithTimestamp(now), trace.WithAttributes(
				attribute.String("seq.op.id", key.id), attribute.String("seq.run.id", key.run),
				attribute.String("seq.direction", c.Direction.String()), attribute.Int("seq.attempt", c.Attempt),
			))
			o = &op{span, now}
			t.ops[key] = o
		}
		t.mu.Unlock()
		return next(trace.ContextWithSpan(ctx, o.span), c)
	}
}

// runSpan is the span of a run, started if it has not been.
func (t *telemetry) runSpan(ctx context.Context, id string, now time.Time) trace.Span {
	r := t.run(id, now)
	if r.span == nil {
		_, r.span = t.tracer.Start(ctx, "seq.run", trace.WithTimestamp(r.started), trace.WithAttributes(attribute.String("seq.run.id", id)))
		for _, add := range r.events {
			add(r.span)
		}
		r.events = nil
	}
	return r.span
}

func (t *telemetry) run(id string, now time.Time) *run {
	r := t.runs[id]
	if r == nil {
		r = &run{started: now}
		t.runs[id] = r
	}
	return r
}

// watch notes what happens, and ends the spans.
func (t *telemetry) watch(e seq.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case seq.EventRunStarted:
		t.run(e.Run, e.Time)
	case seq.EventRetrying:
		t.retries.Add(context.Background(), 1, metric.WithAttributes(common(e)...))
		if o := t.ops[keyOf(e)]; o != nil {
			o.span.AddEvent("retrying", trace.WithTimestamp(e.Time), trace.WithAttributes(
				attribute.String("exception.message", seq.ErrorText(e.Err)), attribute.Float64("seq.delay", e.Delay.Seconds())))
		}
	case seq.EventOverdue:
		if o := t.ops[keyOf(e)]; o != nil {
			o.span.AddEvent("overdue", trace.WithTimestamp(e.Time))
		}
	case seq.EventSettled:
		t.settle(e)
	case seq.EventLeaseLost, seq.EventRecovered, seq.EventRollbackStarted:
		t.note(e, e.Kind.String())
	case seq.EventRunFinished:
		t.finish(e)
	}
}

// settle ends an attempt's span; of an op that never started, the run's span tells.
func (t *telemetry) settle(e seq.Event) {
	state := attribute.String("seq.state", e.State.String())
	attrs := append(common(e), state)
	var why error
	if e.Err != nil {
		why = e.Err
		if op := (*seq.OpError)(nil); errors.As(why, &op) {
			why = op.Err // what the op itself said
		}
		attrs = append(attrs, attribute.String("error.type", fmt.Sprintf("%T", why)))
	}
	t.settled.Add(context.Background(), 1, metric.WithAttributes(attrs...))
	o := t.ops[keyOf(e)]
	if o == nil {
		t.note(e, "op "+e.State.String(), attribute.String("seq.reason", e.Reason))
		return
	}
	delete(t.ops, keyOf(e))
	t.duration.Record(context.Background(), e.Time.Sub(o.started).Seconds(), metric.WithAttributes(attrs...))
	o.span.SetAttributes(state, attribute.String("seq.strategy", e.Strategy))
	if why != nil {
		o.span.SetAttributes(attrs[len(attrs)-1])
		o.span.RecordError(why, trace.WithTimestamp(e.Time))
	}
	switch e.State {
	case seq.Failed, seq.RollbackFailed, seq.Indeterminate:
		o.span.SetStatus(codes.Error, seq.ErrorText(e.Err))
	}
	o.span.End(trace.WithTimestamp(e.Time))
}

// note puts an event on the run's span, when there is one.
func (t *telemetry) note(e seq.Event, name string, attrs ...attribute.KeyValue) {
	if e.ID != "" {
		attrs = append(attrs, attribute.String("seq.op.id", e.ID))
	}
	add := func(s trace.Span) { s.AddEvent(name, trace.WithTimestamp(e.Time), trace.WithAttributes(attrs...)) }
	r := t.runs[e.Run]
	switch {
	case r == nil:
	case r.span != nil:
		add(r.span)
	default:
		r.events = append(r.events, add)
	}
}

func (t *telemetry) finish(e seq.Event) {
	state := attribute.String("seq.run.state", e.RunState.String())
	strategy := attribute.String("seq.strategy", e.Strategy)
	t.finished.Add(context.Background(), 1, metric.WithAttributes(state, strategy))
	span := t.runSpan(context.Background(), e.Run, e.Time)
	delete(t.runs, e.Run)
	span.SetAttributes(state, strategy)
	switch e.RunState {
	case seq.RunFailed, seq.RunRolledBack, seq.RunRollbackFailed:
		span.SetStatus(codes.Error, "run "+e.RunState.String())
	}
	span.End(trace.WithTimestamp(e.Time))
}

func keyOf(e seq.Event) opKey { return opKey{e.Run, e.ID, e.Direction} }

func common(e seq.Event) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("seq.strategy", e.Strategy), attribute.String("seq.direction", e.Direction.String())}
}

func (t *telemetry) instruments(m metric.Meter) (err error) {
	if t.duration, err = m.Float64Histogram("seq.op.duration", metric.WithUnit("s"), metric.WithDescription("Duration of attempts at ops."),
		metric.WithExplicitBucketBoundaries(0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14400)); err != nil {
		return err
	}
	if t.settled, err = m.Int64Counter("seq.op.settled", metric.WithUnit("{op}"), metric.WithDescription("Ops that came to rest, by state.")); err != nil {
		return err
	}
	if t.retries, err = m.Int64Counter("seq.op.retries", metric.WithUnit("{retry}"), metric.WithDescription("Times an op was tried again within an attempt.")); err != nil {
		return err
	}
	t.finished, err = m.Int64Counter("seq.run.finished", metric.WithUnit("{run}"), metric.WithDescription("Runs that came to rest, by state."))
	return err
}
