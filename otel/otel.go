// Package seqotel tells OpenTelemetry what a sequencer does: a span per run, below it a span per
// attempt at an op, and metrics.
//
//	sequencer.Use(seqotel.Middleware())
//
// It needs the API only; which SDK and exporter stand behind it is the service's affair.
package seqotel

import (
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sequencer-go/seq/middleware"
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
// Metrics: the histograms seq.op.duration and seq.run.duration in seconds, and the counters
// seq.op.settled, seq.op.retries and seq.run.finished. None has the op for an attribute; error.type
// is on the duration of what failed.
//
// An SDK that panics, or an exporter that blocks, changes no outcome.
func Middleware(opts ...Option) middleware.Middleware {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, o := range opts {
		o(&c)
	}
	t := &telemetry{tracer: c.tracers.Tracer(scope), spans: map[spanKey]*span{}}
	err := t.instruments(c.meters.Meter(scope))
	return middleware.Middleware{Name: "otel", Err: err, Step: t.step, Watch: t.watch}
}

// telemetry holds what is open. Its lock is never held while the SDK works: an exporter that blocks
// must not hold up an op.
type telemetry struct {
	tracer  trace.Tracer
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
