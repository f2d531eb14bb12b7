package store

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
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
	// ErrSchemaOlder means that the ledger has the layout of an earlier version of this library,
	// which this one does not read.
	ErrSchemaOlder = errors.New("ledger schema is older than this library")
	// ErrSchemaMissing means that the ledger's tables do not exist, and that this role may not
	// create them.
	ErrSchemaMissing = errors.New("the ledger's tables do not exist, and this role may not create them")
	// ErrPoolTooSmall means that an op would need more connections at a time than the ledger's database
	// may open, so that the lease could not be renewed while it runs. See [Pooled].
	ErrPoolTooSmall = errors.New("the connection pool is too small")
	// ErrUnknownValue means that a text is not one of the values of its type.
	ErrUnknownValue = enum.ErrUnknown
)

// A LeaseError says who holds a lease. It matches [ErrLeaseHeld].
type LeaseError struct {
	Name    string // of the lease
	Holder  Owner
	Since   time.Time     // by the store's clock
	Expires time.Duration // until somebody else may take over, unless the holder renews, or until Held ends; 0 if that has no end
	Held    *Control      // the request that keeps everybody but its Actor out; nil: a process holds the lease
}

func (e *LeaseError) Error() string {
	lease := ""
	if e.Name != "" && e.Name != RunLease {
		lease = fmt.Sprintf(" (lease %q)", e.Name)
	}
	if h := e.Held; h != nil {
		until := "until it is released"
		if !h.Until.IsZero() {
			until = "until " + h.Until.UTC().Format(time.RFC3339) + " or until it is released"
		}
		return fmt.Sprintf("the ledger is held%s: by %s since %s, %s: %s", lease, quoted(h.Actor), h.Asked.UTC().Format(time.RFC3339), until, quoted(h.Reason))
	}
	return fmt.Sprintf("%v%s: %s since %s; if it is dead, free in %s",
		ErrLeaseHeld, lease, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Expires.Round(time.Second))
}

// quoted is a name for people, without what a terminal would obey.
func quoted(name string) string { return strings.Trim(strconv.Quote(name), `"`) }

// Is reports whether target is [ErrLeaseHeld].
func (e *LeaseError) Is(target error) bool { return target == ErrLeaseHeld }

var leaseNames = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,200}$`)

// CheckLeaseName fails with an error matching [ErrUnknownValue] if a lease cannot have this name.
func CheckLeaseName(name string) error {
	if !leaseNames.MatchString(name) {
		return fmt.Errorf("%w: the name of a lease %.100q: want 1 to 200 letters, digits and . _ : / -", ErrUnknownValue, name)
	}
	return nil
}
