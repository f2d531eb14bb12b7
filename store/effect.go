package store

import "github.com/sequencer-go/seq/internal/enum"

// Effect says what an error means for the data.
type Effect uint8

// The effects that a failed attempt can have had.
const (
	EffectUnknown Effect = iota // the op returned an error: all, some or nothing of its work is there
	EffectNone                  // nothing is there: it never started, or its transaction was undone
	EffectApplied               // its work is done and there
)

var effectNames = [...]string{"unknown", "none", "applied"}

// String is "unknown", "none" or "applied".
func (e Effect) String() string { return enum.Name(effectNames[:], e) }

// MarshalText writes the effect as its name.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
