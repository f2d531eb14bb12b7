package store

import (
	"context"

	"github.com/sequencer-go/seq/internal/opctx"
)

// FromContext is the store of the sequencer that an op's context belongs to, nil if there is none.
// Stores use it to hand an op their database, see bunstore.DB.
func FromContext(ctx context.Context) Store {
	st, _ := ctx.Value(opctx.StoreKey{}).(Store)
	return st
}
