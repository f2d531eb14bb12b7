package step

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Within calls fn with the transaction of the op. If the script begins with what sets the
// transaction's isolation, the transaction is begun with that. If the database refuses something of
// the script because it is in a transaction, now or in an earlier attempt, the error matches
// [seq.ErrNotInTx], and the op is called again without one. The script may be nil.
func Within(ctx context.Context, s *Script, fn func(bun.Tx) error) error {
	before, err := saved(ctx)
	if err != nil {
		return err
	}
	if before.Apart {
		return fmt.Errorf("%w: an earlier attempt found so", seq.ErrNotInTx)
	}
	if s != nil {
		if first := s.on(DialectOfConn(bunstore.Tx(ctx))).isolation; first != "" {
			if err := bunstore.Restart(ctx, first); err != nil {
				return err
			}
		}
	}
	tx, ok := bunstore.Tx(ctx).(bun.Tx)
	if !ok {
		return bunstore.ErrNoTx
	}
	if err := limitLocks(ctx, tx); err != nil {
		return err
	}
	if err = fn(tx); err != nil && s.refusedInTx(err) {
		return fmt.Errorf("%w: %w", seq.ErrNotInTx, err)
	}
	return err
}

// refusedInTx reports whether the database has answered that it does not do in a transaction what
// the other tool does outside of one.
func (s *Script) refusedInTx(err error) bool {
	if sqlState(err) == "55P04" && s != nil && (s.Tx || len(s.Statements) == 1) {
		return false
	}
	return NeedsNoTx(err)
}
