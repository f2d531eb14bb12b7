package seqotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// watch notes what happens, and ends the spans.
func (t *telemetry) watch(e middleware.Event) {
	switch e.Kind {
	case middleware.EventRunStarted:
		t.open(spanKey{run: e.Run}, e.Time)
	case middleware.EventRetrying:
		t.retries.Add(context.Background(), 1, metric.WithAttributes(common(e)...))
		if o := t.find(keyOf(e), false); o != nil {
			o.add(e, "retrying", append(exception(e.Err), attribute.Float64("seq.delay", e.Delay.Seconds()))...)
		}
	case middleware.EventOverdue:
		if o := t.find(keyOf(e), false); o != nil {
			o.add(e, "overdue")
		}
	case middleware.EventSettled:
		t.settle(e)
	case middleware.EventLeaseLost, middleware.EventRecovered, middleware.EventRollbackStarted:
		t.note(e, e.Kind.String())
	case middleware.EventRunFinished:
		t.finish(e)
	}
}

// settle ends an attempt's span; of an op that never started, the run's span tells.
func (t *telemetry) settle(e middleware.Event) {
	state := attribute.String("seq.state", e.State.String())
	attrs := append(common(e), state)
	t.settled.Add(context.Background(), 1, metric.WithAttributes(attrs...))
	o := t.find(keyOf(e), true)
	if o == nil {
		t.note(e, "op "+e.State.String(), attribute.String("seq.reason", e.Reason))
		return
	}
	failed := e.State == seq.Failed || e.State == seq.RollbackFailed || e.State == seq.Indeterminate
	if failed {
		attrs = append(attrs, semconv.ErrorType(cause(e.Err)))
	}
	t.op.Record(context.Background(), e.Time.Sub(o.started).Seconds(), metric.WithAttributes(attrs...))
	it := o.get()
	if it == nil {
		return
	}
	it.SetAttributes(attrs...)
	if e.Err != nil {
		o.add(e, "exception", exception(e.Err)...)
	}
	if failed {
		it.SetStatus(codes.Error, store.ErrorText(e.Err))
	}
	it.End(trace.WithTimestamp(e.Time))
}

// note puts an event on the run's span, when there is one.
func (t *telemetry) note(e middleware.Event, name string, attrs ...attribute.KeyValue) {
	if e.ID != "" {
		attrs = append(attrs, attribute.String("seq.op.id", e.ID))
	}
	if r := t.find(spanKey{run: e.Run}, false); r != nil {
		r.add(e, name, attrs...)
	}
}

func (t *telemetry) finish(e middleware.Event) {
	attrs := []attribute.KeyValue{attribute.String("seq.run.state", e.RunState.String()), attribute.String("seq.strategy", e.Strategy)}
	t.runs.Add(context.Background(), 1, metric.WithAttributes(attrs...))
	r := t.find(spanKey{run: e.Run}, true)
	if r == nil {
		return
	}
	t.run.Record(context.Background(), e.Time.Sub(r.started).Seconds(), metric.WithAttributes(attrs...))
	it := t.begin(context.Background(), e.Run, r) // now, if no op was called
	if it == nil {
		return
	}
	it.SetAttributes(attrs...)
	switch e.RunState {
	case seq.RunFailed, seq.RunRolledBack, seq.RunRollbackFailed:
		it.SetStatus(codes.Error, "run "+e.RunState.String())
	}
	it.End(trace.WithTimestamp(e.Time))
}

func common(e middleware.Event) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("seq.strategy", e.Strategy), attribute.String("seq.direction", e.Direction.String())}
}

// exception describes an error by the semantic conventions.
func exception(err error) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.ExceptionMessage(store.ErrorText(err)), semconv.ExceptionType(semconv.ErrorType(cause(err)).Value.AsString())}
}

// cause is what the op returned: its type says more than that of what the sequencer wrapped it in.
func cause(err error) error {
	if op := (*seq.OpError)(nil); errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
