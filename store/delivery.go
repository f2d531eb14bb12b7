package store

import "github.com/sequencer-go/seq/internal/enum"

// Delivery is the promise an op makes when its process dies in the middle of it, or when it returns
// an error.
type Delivery uint8

// The promises.
const (
	// Repeatable is at least once: after a crash or an error Run is called again, with the same
	// seq.IdempotencyKey. The zero value.
	Repeatable Delivery = iota
	// Transactional is exactly once: what Run writes through the store's transaction (for the
	// SQL stores, bunstore.Tx) commits together with the record that it ran. After a crash or an
	// error nothing of it was applied.
	Transactional
	// Once is at most once: after a crash, and after an error, the op is [Indeterminate] until its
	// Verify or a person says whether it took effect. An error that matches seq.NotApplied says
	// that nothing happened; then the op has failed, and may be called again.
	Once
	// Resumable is exactly once, batch by batch: each seq.Checkpoint commits what its function wrote
	// through the store's transaction together with the point that the op came to. After a crash or an
	// error Run is called again, and goes on from there. A claim of such an op is kept as Transactional:
	// nothing is there that no checkpoint has committed.
	Resumable
)

var deliveryNames = [...]string{"repeatable", "transactional", "once", "resumable"}

// String is the promise in lower case, as stores keep it.
func (d Delivery) String() string { return enum.Name(deliveryNames[:], d) }

// ParseDelivery is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParseDelivery(s string) (Delivery, error) {
	return enum.Parse[Delivery](deliveryNames[:], s, "delivery")
}

// Direction tells doing from undoing, and from what a person said.
type Direction uint8

// The directions of a call, and of a line in an op's history.
const (
	Forward  Direction = iota // the op's Run
	Rollback                  // the op's Rollback
	ByHand                    // no call, but a finding, see seq.Sequencer.Resolve
)

var directionNames = [...]string{"run", "rollback", "by hand"}

// String is "run", "rollback" or "by hand".
func (d Direction) String() string { return enum.Name(directionNames[:], d) }

// ParseDirection is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParseDirection(s string) (Direction, error) {
	return enum.Parse[Direction](directionNames[:], s, "direction")
}

// MarshalText writes the promise as its name.
func (d Delivery) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the promise from its name, as [ParseDelivery] does.
func (d *Delivery) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDelivery(string(text))
	return err
}

// MarshalText writes the direction as its name.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the direction from its name, as [ParseDirection] does.
func (d *Direction) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDirection(string(text))
	return err
}
