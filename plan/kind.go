package plan

import "github.com/sequencer-go/seq/internal/enum"

// Kind tells schema changes from data operations.
type Kind uint8

// The kinds of op.
const (
	Operation Kind = iota // works on data; the zero value
	Migration             // changes the schema; batches run all of these first
)

var kindNames = [...]string{"operation", "migration"}

// String is "operation" or "migration".
func (k Kind) String() string { return enum.Name(kindNames[:], k) }

// MarshalText writes the kind as its name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind from its name. It fails with an error matching store.ErrUnknownValue.
func (k *Kind) UnmarshalText(text []byte) (err error) {
	*k, err = enum.Parse[Kind](kindNames[:], string(text), "kind")
	return err
}
