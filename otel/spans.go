package seqotel

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// spanKey is of a run's span if it has no op.
type spanKey struct {
	run, op   string
	direction seq.Direction
}

// span is one that is open, or will be: that of a run starts when an op is called, since only then
// is the caller's context known.
type span struct {
	start   sync.Once
	started time.Time // by the sequencer's clock

	mu     sync.Mutex
	it     trace.Span         // nil until it has started, and for ever if the SDK panicked
	events []func(trace.Span) // that came before it
}

func keyOf(e middleware.Event) spanKey { return spanKey{e.Run, e.ID, e.Direction} }

// step starts the spans, in the context of the op. Middleware outside it may call it again for the
// same attempt, which is then still the same span.
func (t *telemetry) step(next middleware.Handler) middleware.Handler {
	return func(ctx context.Context, c *middleware.Call) error { return next(t.within(ctx, c), c) }
}

// within is ctx with the span of the attempt in it. An SDK that panics costs the span, not the op.
func (t *telemetry) within(ctx context.Context, c *middleware.Call) (in context.Context) {
	defer func() {
		if recover() != nil {
			in = ctx
		}
	}()
	now := c.Clock.Now()
	o := t.open(spanKey{c.Run, c.Step.ID, c.Direction}, now)
	o.start.Do(func() {
		run := t.startRun(ctx, c.Run, now)
		_, it := t.tracer.Start(trace.ContextWithSpan(ctx, run), spanName(c.Direction)+" "+c.Step.ID, trace.WithTimestamp(o.started), trace.WithAttributes(
			attribute.String("seq.op.id", c.Step.ID), attribute.String("seq.run.id", c.Run),
			attribute.String("seq.direction", c.Direction.String()), attribute.Int("seq.attempt", c.Attempt),
		))
		o.is(it)
	})
	if it := o.get(); it != nil {
		return trace.ContextWithSpan(ctx, it)
	}
	return ctx
}

// spanName is what the spans of attempts in a direction are called, before the op's ID.
func spanName(d store.Direction) string {
	if d == store.Rollback {
		return "seq.op.rollback"
	}
	return "seq.op"
}

// startRun is the span of a run, started if it has not been.
func (t *telemetry) startRun(ctx context.Context, id string, now time.Time) trace.Span {
	if it := t.begin(ctx, id, t.open(spanKey{run: id}, now)); it != nil {
		return it
	}
	return trace.SpanFromContext(ctx)
}

func (t *telemetry) begin(ctx context.Context, id string, r *span) trace.Span {
	r.start.Do(func() {
		_, it := t.tracer.Start(ctx, "seq.run", trace.WithTimestamp(r.started), trace.WithAttributes(attribute.String("seq.run.id", id)))
		r.is(it)
	})
	return r.get()
}

// open is the span of a key, which is made if there is none.
func (t *telemetry) open(key spanKey, now time.Time) *span {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.spans[key]
	if s == nil {
		s = &span{started: now}
		t.spans[key] = s
	}
	return s
}

// find is the open span of a key, nil if there is none; take also forgets it.
func (t *telemetry) find(key spanKey, take bool) *span {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.spans[key]
	if take {
		delete(t.spans, key)
	}
	return s
}

func (s *span) get() trace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.it
}

// is says which span it is, now that it has started.
func (s *span) is(it trace.Span) {
	s.mu.Lock()
	events := s.events
	s.it, s.events = it, nil
	s.mu.Unlock()
	for _, add := range events {
		add(it)
	}
}

// set puts attributes on the span, as soon as it has started.
func (s *span) set(attrs []attribute.KeyValue) {
	s.mu.Lock()
	it := s.it
	if it == nil {
		s.events = append(s.events, func(it trace.Span) { it.SetAttributes(attrs...) })
	}
	s.mu.Unlock()
	if it != nil {
		it.SetAttributes(attrs...)
	}
}

// add puts an event on the span, as soon as it has started.
func (s *span) add(e middleware.Event, name string, attrs ...attribute.KeyValue) {
	add := func(it trace.Span) { it.AddEvent(name, trace.WithTimestamp(e.Time), trace.WithAttributes(attrs...)) }
	s.mu.Lock()
	it := s.it
	if it == nil {
		s.events = append(s.events, add)
	}
	s.mu.Unlock()
	if it != nil {
		add(it)
	}
}
