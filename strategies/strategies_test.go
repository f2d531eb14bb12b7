package strategies_test

import (
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// Every option goes with every strategy, and with every other option.
func TestOptionsGoTogether(t *testing.T) {
	all := []strategies.Option{
		strategies.Limit(2), strategies.Eager(), strategies.Saga(), strategies.RequireReversible(), strategies.Wait(),
	}
	for _, name := range strategies.Names() {
		for set := range 1 << len(all) {
			var opts []strategies.Option
			for i, o := range all {
				if set&(1<<i) != 0 {
					opts = append(opts, o)
				}
			}
			s, err := strategies.Named(name, opts...)
			if err != nil {
				t.Fatal(err)
			}
			ops := []seq.Op{seqtest.Succeeds(seqtest.ID(1, "a")), seqtest.Succeeds(seqtest.ID(2, "b"), seqtest.ID(1, "a"))}
			if r, err := seq.New(store.NewMemory(), ops...).Use(s).Run(t.Context()); err != nil || len(r.Succeeded()) != 2 {
				t.Errorf("%s with options %05b: %v", name, set, err)
			}
		}
	}
}
