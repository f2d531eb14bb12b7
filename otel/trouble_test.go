package seqotel_test

import (
	"context"
	"testing"
	"testing/synctest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/sequencer-go/seq"
	seqotel "github.com/sequencer-go/seq/otel"
	"github.com/sequencer-go/seq/store"
)

// processor is part of an SDK, and none of ours.
type processor struct{ start, end func() }

func (p processor) OnStart(context.Context, sdktrace.ReadWriteSpan) { p.start() }
func (p processor) OnEnd(sdktrace.ReadOnlySpan)                     { p.end() }
func (processor) Shutdown(context.Context) error                    { return nil }
func (processor) ForceFlush(context.Context) error                  { return nil }

func TestTelemetryThatBlocksOrPanicsChangesNoOutcome(t *testing.T) {
	for name, with := range map[string]func(gate chan struct{}) processor{
		"an exporter that blocks": func(gate chan struct{}) processor { return processor{func() {}, func() { <-gate }} },
		"a start that panics":     func(chan struct{}) processor { return processor{func() { panic("sdk") }, func() {}} },
		"an end that panics":      func(chan struct{}) processor { return processor{func() {}, func() { panic("sdk") }} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := make(chan struct{})
				defer close(gate)
				provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(with(gate)))
				s := seq.New(store.NewMemory(),
					seq.Op{ID: "2024_01_15_120000_a", Run: ok},
					seq.Op{ID: "2024_01_15_120001_b", Run: ok},
					seq.Op{ID: "2024_01_15_120002_c", Run: ok},
				).Use(seqotel.Middleware(seqotel.WithTracerProvider(provider)))
				report, err := s.Run(t.Context())
				if err != nil {
					t.Errorf("%v\n%s", err, report)
				}
			})
		})
	}
}
