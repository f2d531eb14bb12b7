package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/enum"
)

// What a store may answer.
var (
	// ErrLeaseHeld means that another run holds the ledger. See [LeaseError].
	ErrLeaseHeld = errors.New("another run holds the ledger")
	// ErrLeaseLost means that another process took over the run.
	ErrLeaseLost = errors.New("lease lost")
	// ErrFenced means that an attempt was closed by somebody else, so that its owner's word no
	// longer counts.
	ErrFenced = errors.New("attempt closed by another owner")
	// ErrUnknownOutcome means that a commit was sent and nobody knows whether it took effect.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrTxBroken means that a Transactional op ended its transaction itself, by a COMMIT or
	// ROLLBACK of its own, so that its effect and its record are no longer one.
	ErrTxBroken = errors.New("the op ended the transaction it was given")
	// ErrSchemaNewer means that the ledger was made by a newer version of this library.
	ErrSchemaNewer = errors.New("ledger schema is newer than this library")
	// ErrInvalidOption means that an option has a value that it cannot have.
	ErrInvalidOption = errors.New("invalid option")
	// ErrUnknownValue means that a text is not one of the values of its type.
	ErrUnknownValue = enum.ErrUnknown
)

// A LeaseError says who holds the lease. It matches [ErrLeaseHeld].
type LeaseError struct {
	Holder  Owner
	Since   time.Time     // by the store's clock
	Expires time.Duration // until somebody else may take over, unless the holder renews
}

func (e *LeaseError) Error() string {
	return fmt.Sprintf("%v: %s since %s; if it is dead, free in %s",
		ErrLeaseHeld, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Expires.Round(time.Second))
}

// Is reports whether target is [ErrLeaseHeld].
func (e *LeaseError) Is(target error) bool { return target == ErrLeaseHeld }
