package seq_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// TestNobodyReplacesTheRecorder: an op would run at each deploy, and the ledger would not know of it.
func TestNobodyReplacesTheRecorder(t *testing.T) {
	through := func(next middleware.Handler) middleware.Handler { return next }
	altered := middleware.Record()
	altered.Step = through
	watching := middleware.Middleware{Name: "watching", Layer: middleware.LayerRecord, Watch: func(middleware.Event) {}}
	around := middleware.Record()
	recorder := around.Step
	around.Name, around.Step = "around", func(next middleware.Handler) middleware.Handler { return recorder(next) }
	for name, m := range map[string]middleware.Middleware{
		"its own":             {Name: "mine", Layer: middleware.LayerRecord, Step: through},
		"none":                {Name: "none", Layer: middleware.LayerRecord},
		"watching":            watching,
		"altered":             altered,
		"around the recorder": around,
	} {
		for _, delivery := range []seq.Delivery{seq.Once, seq.Repeatable, seq.Transactional} {
			calls := 0
			op := seq.Op{ID: id("a"), Delivery: delivery, Run: func(context.Context) error { calls++; return nil }}
			ledger := store.NewMemory()
			_, listed := seq.New(ledger, op).Use(seq.Strategy{Middleware: []middleware.Middleware{m}}).Run(t.Context())
			_, used := seq.New(ledger, op).Use(m).Run(t.Context())
			_, using := seq.New(ledger, op).Run(t.Context(), seq.Using(m))
			_, previewed := seq.New(ledger, op).Use(m).Preview(t.Context())
			for how, err := range map[string]error{"listed": listed, "Use": used, "Using": using, "Preview": previewed} {
				if !errors.Is(err, seq.ErrInvalidStrategy) || !strings.Contains(err.Error(), m.Name) {
					t.Errorf("%s, %s, %s: got %v, want %v that names it", name, delivery, how, err, seq.ErrInvalidStrategy)
				}
			}
			if calls > 0 {
				t.Errorf("%s, %s: it ran %d times", name, delivery, calls)
			}
		}
	}
}

func TestTheRecorderMayBeAddedAnew(t *testing.T) {
	heard := 0
	m := middleware.Record()
	m.Watch = func(middleware.Event) { heard++ }
	ledger := store.NewMemory()
	if _, err := seq.New(ledger, ok("a")).Use(m).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries, err := ledger.Load(t.Context()); err != nil || len(entries) != 1 || heard == 0 {
		t.Errorf("the ledger has %v, %v; %d events were heard", entries, err, heard)
	}
}
