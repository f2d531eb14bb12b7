package bunstore_test

import (
	"testing"

	"github.com/sequencer-go/seq/store/bunstore"
)

func TestBlocksGrowToALimit(t *testing.T) {
	before := 32
	for n := range 10_000 {
		size := bunstore.BlockSize(n)
		if size < before || size > 4096 {
			t.Fatalf("the block after %d others has room for %d, want %d to 4096", n, size, before)
		}
		before = size
	}
	if before != 4096 {
		t.Errorf("blocks grow to %d, want 4096", before)
	}
}
