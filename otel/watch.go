package seqotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// watch notes what happens, and ends the spans.
func (t *telemetry) watch(e middleware.Event) {
	switch e.Kind {
	case middleware.EventPlanned:
		if e.Plan != nil {
			t.hash, t.planned = e.Plan.Hash(), e.Run
		}
	case middleware.EventRunStarted:
		t.begun(e)
	case middleware.EventRetrying:
		t.retries.Add(context.Background(), 1, metric.WithAttributes(common(e)...))
		if o := t.find(keyOf(e), false); o != nil {
			o.add(e, "retrying", append(handled(e.Err), attribute.Float64("seq.delay", e.Delay.Seconds()))...)
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

// begun opens a run's span, with what is known of the run before any op is called.
func (t *telemetry) begun(e middleware.Event) {
	r := t.open(spanKey{run: e.Run}, e.Time)
	attrs := []attribute.KeyValue{attribute.String("seq.strategy", e.Strategy)}
	if t.hash != "" && t.planned == e.Run {
		attrs = append(attrs, attribute.String("seq.plan.hash", t.hash))
		t.hash = ""
	}
	r.set(append(attrs, t.asked(e.Run)...))
}

// asked is who asked for a run, and why, as the ledger has it.
func (t *telemetry) asked(run string) (attrs []attribute.KeyValue) {
	if t.ledger == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, known, err := t.ledger.LookupRun(ctx, run)
	if err != nil || !known {
		return nil // telemetry does without, rather than hold up the run
	}
	for key, value := range map[attribute.Key]string{
		"seq.actor": r.Owner.Actor, "seq.reason": r.Reason, "seq.revision": r.Owner.Revision,
	} {
		if value != "" {
			attrs = append(attrs, key.String(value))
		}
	}
	return attrs
}

// patience is how long a watcher waits for the ledger.
const patience = 2 * time.Second

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
		attrs = append(attrs, errorType(e.Err))
	}
	t.op.Record(context.Background(), e.Time.Sub(o.started).Seconds(), metric.WithAttributes(attrs...))
	it := o.get()
	if it == nil {
		return
	}
	it.SetAttributes(attrs...)
	switch {
	case failed && e.Err != nil:
		o.add(e, "exception", exception(e.Err)...)
	case e.Err != nil:
		o.add(e, e.State.String(), handled(e.Err)...)
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
