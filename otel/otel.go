// Package seqotel tells OpenTelemetry what a sequencer does: a span per run, below it a span per
// attempt at an op, and metrics.
//
//	sequencer := seq.New(ledger, ops...).Use(seqotel.Middleware(seqotel.WithLedger(ledger)))
//	stop, err := seqotel.Observe(sequencer) // gauges: what is left, what failed, what needs a person
//
// It needs the API only; which SDK and exporter stand behind it is the service's affair.
package seqotel

import (
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

const scope = "github.com/sequencer-go/seq/otel"

// An Option adjusts the middleware.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
	ledger  store.Store
}

func newConfig(opts []Option) config {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, o := range opts {
		o(&c)
	}
	return c
}

func (c config) tracer() trace.Tracer {
	return c.tracers.Tracer(scope, trace.WithInstrumentationVersion(version()), trace.WithSchemaURL(semconv.SchemaURL))
}

func (c config) meter() metric.Meter {
	return c.meters.Meter(scope, metric.WithInstrumentationVersion(version()), metric.WithSchemaURL(semconv.SchemaURL))
}

// version is that of this module in the binary; "(devel)" in a checkout.
var version = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == scope && m.Replace == nil && m.Version != "" {
				return m.Version
			}
		}
	}
	return "(devel)"
})

// WithTracerProvider takes another provider than the global one.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithMeterProvider takes another provider than the global one.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// WithLedger lets the span of a run say who asked for it (seq.actor), why (seq.reason), and of which
// revision the program is (seq.revision). It costs one read of the ledger a run.
func WithLedger(ledger store.Store) Option { return func(c *config) { c.ledger = ledger } }

// Middleware makes the spans and the metrics. The span of an attempt is in its op's context, so that
// what the op calls appears below it; tries of one attempt are events on it, and so are the
// headline moments of a run on the run's. An attempt's span ends when its outcome is known, which
// is before Run returns. Give each sequencer one of its own.
//
// What works in the background (seq.Sequencer.Work) has a span of a run for each time that a process takes an op
// up, with the seq.strategy work; it ends when the op is done, or handed over.
//
// A run's span is called "seq.run", that of an attempt "seq.op" and the op's ID, and that of undoing
// one "seq.op.rollback" and the ID. What failed has the status Error, an exception event and
// error.type: the SQLSTATE of an error of the database, "canceled", "timeout", "panic",
// "indeterminate", "lease_lost", else the Go type of the error, and "_OTHER" where that says nothing.
// An error that was handled, because the op is allowed to fail or was tried again, is an event
// with error.type and error.message, and no exception. The run has the hash of its plan as seq.plan.hash.
//
// Metrics: the histograms seq.op.duration and seq.run.duration in seconds, and the counters
// seq.op.settled, seq.op.retries and seq.run.finished. None has the op for an attribute; error.type
// is on the duration of what failed.
//
// An SDK that panics, or an exporter that blocks, changes no outcome.
func Middleware(opts ...Option) middleware.Middleware {
	c := newConfig(opts)
	t := &telemetry{tracer: c.tracer(), ledger: c.ledger, spans: map[spanKey]*span{}}
	err := t.instruments(c.meter())
	return middleware.Middleware{Name: "otel", Err: err, Step: t.step, Watch: t.watch}
}

// telemetry holds what is open. Its lock is never held while the SDK works: an exporter that blocks
// must not hold up an op.
type telemetry struct {
	tracer  trace.Tracer
	ledger  store.Store // nil: who and why is not told
	hash    string      // of the plan that was made last, and whose run has not begun; of the watcher
	planned string      // that run: another may begin at the same time
	op, run metric.Float64Histogram
	settled metric.Int64Counter
	retries metric.Int64Counter
	runs    metric.Int64Counter

	mu    sync.Mutex
	spans map[spanKey]*span
}

func (t *telemetry) instruments(m metric.Meter) (err error) {
	// The default boundaries are made for milliseconds; ops take from those to hours.
	buckets := metric.WithExplicitBucketBoundaries(.005, .025, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 14400)
	if t.op, err = m.Float64Histogram("seq.op.duration", metric.WithUnit("s"), buckets, metric.WithDescription("Duration of attempts at ops.")); err != nil {
		return err
	}
	if t.run, err = m.Float64Histogram("seq.run.duration", metric.WithUnit("s"), buckets, metric.WithDescription("Duration of runs.")); err != nil {
		return err
	}
	if t.settled, err = m.Int64Counter("seq.op.settled", metric.WithUnit("{op}"), metric.WithDescription("Ops that came to rest, by state.")); err != nil {
		return err
	}
	if t.retries, err = m.Int64Counter("seq.op.retries", metric.WithUnit("{retry}"), metric.WithDescription("Times an op was tried again within an attempt.")); err != nil {
		return err
	}
	t.runs, err = m.Int64Counter("seq.run.finished", metric.WithUnit("{run}"), metric.WithDescription("Runs that came to rest, by state."))
	return err
}
