package store_test

import (
	"testing"

	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	seqtest.TestStore(t, func(testing.TB) store.Store { return store.NewMemory() })
}
