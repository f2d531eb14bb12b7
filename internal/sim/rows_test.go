package sim

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// TestSameRows lives through the same lives, without faults and one after another, on the simulated
// database and on real ones: in the end all must hold the same rows. So what the simulation shows of
// the engine holds for the stores as well. They are a SQLite file, and the Postgres that
// SEQ_TEST_POSTGRES_DSN names, if it names one.
func TestSameRows(t *testing.T) {
	databases := map[string]func(t *testing.T) (*bunstore.Store, error){
		"SQLite": func(t *testing.T) (*bunstore.Store, error) {
			return sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
		},
	}
	if dsn := os.Getenv("SEQ_TEST_POSTGRES_DSN"); dsn != "" {
		databases["Postgres"] = func(*testing.T) (*bunstore.Store, error) {
			return postgres.Open(dsn, bunstore.Namespace(rand.Text()))
		}
	}
	for name, open := range databases {
		t.Run(name, func(t *testing.T) { sameRows(t, open) })
	}
}

func sameRows(t *testing.T, open func(t *testing.T) (*bunstore.Store, error)) {
	compared := 0
	for seed := range uint64(sameRowSeeds) {
		simulated, busy := "", false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(seed, Options{}, synctest.Wait)
			w.scenario = faultless(seed)
			rows := ""
			w.between = func() { rows, busy = dump(t, w.newReplica(run)), w.quiet }
			w.live()
			simulated = rows
		})
		if busy { // the world lost patience
			continue
		}
		kept := ""
		synctest.Test(t, func(t *testing.T) { kept = reallyLived(t, open, faultless(seed)) })
		compared++
		if simulated != kept {
			t.Errorf("seed %d\n%s\nsimulated:\n%s\nreal:\n%s", seed, faultless(seed), simulated, kept)
		}
	}
	if compared < sameRowSeeds*5/6 {
		t.Errorf("%d seeds compared", compared)
	}
}

// faultless is the scenario of a seed, in which only ops fail.
func faultless(seed uint64) *scenario {
	s := draw(mathrand.New(mathrand.NewPCG(seed, 0x5eed)), false)
	s.faults, s.faultsFor, s.limit = map[Fault]bool{}, time.Hour, 1
	s.versions, s.lives = s.versions[:1], [][]life{slices.Concat(s.lives...)}
	for i := range s.lives[0] {
		s.lives[0][i].other = false
	}
	return s
}

// reallyLived is what a scenario leaves in a real database.
func reallyLived(t *testing.T, open func(t *testing.T) (*bunstore.Store, error), s *scenario) string {
	store, err := open(t)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	began := time.Now()
	var ops []seq.Op
	for _, spec := range s.versions[0].ops {
		op := seq.Op{
			ID: spec.id, Kind: spec.kind, Delivery: spec.delivery, AllowedToFail: spec.allowed,
			RollbackOnFailure: spec.undoFailed, DependsOn: spec.deps,
			Run: func(ctx context.Context) error { return spec.really(ctx, &spec.script.run) },
		}
		if spec.rollback {
			op.Rollback = func(ctx context.Context) error { return spec.really(ctx, &spec.script.undo) }
		}
		if spec.due > 0 {
			op.ExecuteAt = func(time.Time) time.Time { return began.Add(spec.due) }
		}
		if spec.verify {
			op.Verify = func(context.Context) (bool, error) { return spec.applied, nil }
		}
		ops = append(ops, op)
	}
	for _, l := range s.lives[0] {
		time.Sleep(l.after)
		sequencer := seq.New(store, ops...).Use(s.make(s.strategy))
		switch l.do { // what it returns shows in the rows
		case runDue:
			_, _ = sequencer.RunDue(t.Context())
		case rollBack:
			_, _ = sequencer.Rollback(t.Context())
		default:
			_, _ = sequencer.Run(t.Context())
		}
	}
	return dump(t, store)
}

// really is the body of an op outside of the simulation.
func (o *opSpec) really(_ context.Context, fails *[]Fault) error {
	time.Sleep(o.slow)
	if len(*fails) == 0 {
		return nil
	}
	trouble := (*fails)[0]
	*fails = (*fails)[1:]
	o.applied = trouble == OpFailsHalf
	switch trouble {
	case OpPanics:
		panic(errOp)
	case OpExits:
		runtime.Goexit()
	}
	return errOp
}

// dump is all that a ledger says, but for what is random.
func dump(t *testing.T, ledger store.Store) string {
	ctx := context.Background()
	entries, err := ledger.Load(ctx)
	if err != nil {
		t.Error(err)
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return strings.Compare(a.ID, b.ID) })
	runs, err := ledger.Runs(ctx, store.Page{Limit: 100})
	if err != nil {
		t.Error(err)
	}
	var epochs []int64 // SQLite's begin at the time of day
	for _, r := range runs {
		epochs = append(epochs, r.Epoch)
	}
	for _, e := range entries {
		epochs = append(epochs, e.Fence)
	}
	slices.Sort(epochs)
	epochs = slices.Compact(epochs)
	completed := []int64{0} // a store may leave numbers out
	for _, e := range entries {
		completed = append(completed, e.Seq)
	}
	slices.Sort(completed)
	completed = slices.Compact(completed)
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s attempt %d generation %d crashes %d fence %d seq %d due %s open %t:", short(e.ID), e.State, e.Attempt,
			e.Generation, e.Crashes, slices.Index(epochs, e.Fence), slices.Index(completed, e.Seq), e.NotBefore.UTC().Format(time.RFC3339Nano), !e.Token.IsZero())
		history, err := ledger.History(ctx, e.ID, store.Page{Limit: 1000})
		if err != nil {
			t.Error(err)
		}
		for _, a := range history {
			fmt.Fprintf(&b, " %s→%s", a.Direction, a.State)
		}
		b.WriteByte('\n')
	}
	for _, r := range slices.Backward(runs) {
		fmt.Fprintf(&b, "run %s %s epoch %d\n", r.Strategy, r.State, slices.Index(epochs, r.Epoch))
	}
	return b.String()
}
