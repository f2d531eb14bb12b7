package seq_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// id makes short IDs whose order is that of the alphabet.
func id(name string) string { return seqtest.ID(int(name[0]-'a'), name) }

func ids(names ...string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = id(n)
	}
	return out
}

func ok(name string, deps ...string) seq.Op { return seqtest.Succeeds(id(name), ids(deps...)...) }
func fail(name string, deps ...string) seq.Op {
	return seqtest.Fails(id(name), errBoom, ids(deps...)...)
}

func tolerated(op seq.Op) seq.Op {
	op.AllowedToFail = true
	return op
}

// every is each strategy, and variants that use every executor and a saga: what an op can do
// must mean the same under all of them.
func every() map[string]seq.Strategy {
	return map[string]seq.Strategy{
		"sequential":              strategies.Sequential(),
		"batch":                   strategies.Batch(),
		"transactional-batch":     strategies.TransactionalBatch(),
		"allowed-to-fail-batch":   strategies.AllowedToFailBatch(),
		"dependency-graph":        strategies.DependencyGraph(),
		"scheduled":               strategies.Scheduled(),
		"dependency-graph, eager": strategies.DependencyGraph(strategies.Eager()),
		"dependency-graph, saga":  strategies.DependencyGraph(strategies.Saga()),
		"batch, one at a time":    strategies.Batch(strategies.Limit(1)),
		"zero":                    {},
		"custom, waves, dataflow": {
			Name: "custom", Planner: plan.TimeGated(plan.Waves()), Executor: exec.Dataflow(2),
			Middleware: []middleware.Middleware{middleware.Tolerate(), middleware.Record(), middleware.Timeout(1e12), middleware.Retry(1, 1e6)},
		},
	}
}

// bench is one sequencer under test: a store, ops, and what happened.
type bench struct {
	t     *testing.T
	store *seqtest.Store
	rec   *seqtest.Recorder
	seq   *seq.Sequencer
}

func newBench(t *testing.T, s seq.Strategy, ops ...seq.Op) *bench {
	b := &bench{t: t, store: seqtest.NewStore(), rec: seqtest.NewRecorder()}
	b.with(s, ops...)
	return b
}

// with is a new deploy on the same ledger.
func (b *bench) with(s seq.Strategy, ops ...seq.Op) {
	b.seq = seq.New(b.store, ops...).Use(s, b.rec.Middleware())
	b.rec.Reset()
}

func (b *bench) run(opts ...seq.RunOption) (*seq.Report, error) {
	b.t.Helper()
	r, err := b.seq.Run(b.t.Context(), opts...)
	if r == nil {
		b.t.Fatal("the report is nil")
	}
	return r, err
}

func (b *bench) mustRun(opts ...seq.RunOption) *seq.Report {
	b.t.Helper()
	r, err := b.run(opts...)
	if err != nil {
		b.t.Fatalf("run: %v\n%s", err, r)
	}
	return r
}

func (b *bench) state(name string, want seq.State) {
	b.t.Helper()
	seqtest.AssertState(b.t, b.store, id(name), want)
}

func runWith(t *testing.T, s seq.Strategy, ops ...seq.Op) (*seq.Report, error) {
	return seq.New(store.NewMemory(), ops...).Use(s).Run(t.Context())
}

func nothing(context.Context) error { return nil }

func seqFails(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}
