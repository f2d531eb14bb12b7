package seqtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// What happened, in order, when an operation fails that others depend on.
func ExampleRecorder() {
	create, fill, warm := seqtest.ID(1, "create"), seqtest.ID(2, "fill"), seqtest.ID(3, "warm")
	rec := seqtest.NewRecorder()
	_, err := seq.New(store.NewMemory(),
		seqtest.AsMigration(seqtest.Succeeds(create)),
		seqtest.Fails(fill, errors.New("out of disk"), create),
		seqtest.Succeeds(warm, fill),
	).Use(strategies.TransactionalBatch(), rec.Middleware()).Run(context.Background())
	fmt.Println(err != nil)
	for _, line := range rec.Trace() {
		fmt.Println(line)
	}
	// Output:
	// true
	// run 2024_01_15_120100_create
	// succeeded 2024_01_15_120100_create
	// run 2024_01_15_120200_fill
	// failed 2024_01_15_120200_fill
	// rollback 2024_01_15_120100_create
	// rolled-back 2024_01_15_120100_create
}

// Assertions over a recorder, as a test makes them. t is the *testing.T of the test.
func ExampleAssertBefore() {
	var t testing.TB = &testing.T{}
	rec := seqtest.NewRecorder()
	create, fill := seqtest.ID(1, "create"), seqtest.ID(2, "fill")
	_, err := seq.New(store.NewMemory(), seqtest.Succeeds(fill, create), seqtest.Succeeds(create)).
		Use(strategies.DependencyGraph(), rec.Middleware()).Run(context.Background())
	seqtest.AssertBefore(t, rec, create, fill)
	seqtest.AssertRan(t, rec, create, fill)
	fmt.Println(err, t.Failed())
	// Output: <nil> false
}

// A process that dies when its second write is committed and not yet acknowledged, and the next process,
// which goes on.
func ExampleStore_CrashAfter() {
	ledger := seqtest.NewStore()
	calls := 0
	op := seq.Op{ID: seqtest.ID(1, "fill"), Run: func(context.Context) error { calls++; return nil }}
	ledger.CrashAfter(2)
	_, err := seq.New(ledger, op).Run(context.Background())
	fmt.Println("crashed:", err != nil)
	ledger.Restart()
	report, err := seq.New(ledger, op).Run(context.Background())
	fmt.Println(report.State, err, "called", calls)
	// Output:
	// crashed: true
	// succeeded <nil> called 1
}
