package plan

import "github.com/sequencer-go/seq/internal/enum"

// Need says what an op's state asks of whoever waits for the deploy.
type Need uint8

// What an op needs.
const (
	NeedsNothing Need = iota // it is done, or of another binary
	Required                 // a run has to do it
	Optional                 // it is allowed to fail, and did, or waits for one that did
	Excluded                 // its condition is false, or it is for another environment
	Later                    // it is not due, or waits for one that is not
	NeedsPerson              // no run will do it before somebody looks: doubt, poison, a rollback or too many attempts that failed
	InBackground             // it works beside deploys, or waits for one that does
)

var needNames = [...]string{"nothing", "required", "optional", "excluded", "later", "needs a person", "in the background"}

// String is the need in lower case.
func (n Need) String() string { return enum.Name(needNames[:], n) }

// MarshalText writes the need as its name.
func (n Need) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads the need from its name. It fails with an error matching store.ErrUnknownValue.
func (n *Need) UnmarshalText(text []byte) (err error) {
	*n, err = enum.Parse[Need](needNames[:], string(text), "need")
	return err
}
