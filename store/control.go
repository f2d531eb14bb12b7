package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sequencer-go/seq/internal/enum"
	"github.com/sequencer-go/seq/internal/opctx"
)

// A Control is what somebody asks of an op that works in the background, or of whoever holds a lease, and
// what was answered. There is one for each op and each lease of which anything was ever asked.
type Control struct {
	ID      string        // of an op, or the name of a lease
	Number  int64         // of the request, from 1; 0: nothing was ever asked
	Wanted  Wanted        // what is asked for
	Unknown string        // the word that this library does not know, if Wanted is UnknownWanted
	Size    int64         // how much a batch of the op is to do; 0: as the op has it
	Rest    time.Duration // how long the op is to rest between two batches; 0: as the op has it
	Until   time.Time     // when WantHold and WantStop end by themselves; zero: only by another request
	Actor   string        // who asks
	Reason  string        // why
	Asked   time.Time     // by the store's clock

	Heard   int64     // the Number of the latest request that was acknowledged
	HeardAt time.Time // by the store's clock; zero: none was
	Note    string    // why the op does not move, in the words of who works on it; "" if it does
	NotedAt time.Time // since when, by the store's clock
}

// Wanted is what a request asks for.
type Wanted uint8

// What can be asked for. An op takes the first three, a lease the others and WantGo.
const (
	WantGo        Wanted = iota // work on; the zero value
	WantPause                   // let it rest, until WantGo
	WantCancel                  // end it for good: the store refuses every request after it
	WantHold                    // nobody but Actor may take the lease; who has it keeps it
	WantStop                    // as WantHold, and who has it stops
	UnknownWanted               // a newer library says what, in a word that this one does not know
)

var wantedNames = [...]string{"go", "pause", "cancel", "hold", "stop"}

// String is the request in lower case, as stores keep it; UnknownWanted is "unknown", which no store keeps.
func (w Wanted) String() string {
	if w == UnknownWanted {
		return unknownWord
	}
	return enum.Name(wantedNames[:], w)
}

// ParseWanted is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParseWanted(s string) (Wanted, error) { return enum.Parse[Wanted](wantedNames[:], s, "request") }

// KnownWanted lists the requests that the ledger keeps: all but UnknownWanted.
func KnownWanted() []string { return slices.Clone(wantedNames[:]) }

// MarshalText writes the request as its name.
func (w Wanted) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads the request from its name, as [ParseWanted] does.
func (w *Wanted) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWanted(string(text))
	return err
}

// Holds reports whether the request keeps others than its actor from taking the lease at a time.
func (c *Control) Holds(now time.Time) bool {
	return (c.Wanted == WantHold || c.Wanted == WantStop) && (c.Until.IsZero() || now.Before(c.Until))
}

// ErrAsked means that a request was refused, because somebody else asked in the meantime, or because the
// op was cancelled.
var ErrAsked = errors.New("somebody else asked for something in the meantime, or the op was cancelled")

// An Answer acknowledges what was asked of an op, or of the holder of a lease.
type Answer struct {
	ID   string
	Seen int64  // the Number of the request; a smaller one than was heard already changes nothing of that
	Note string // see [Control]
}

// ControlOf is what is asked of the op whose transaction a context carries, as it was when the transaction
// began; the zero Control outside of [Store] Atomic, and of a claim that is not Steered.
func ControlOf(ctx context.Context) Control {
	c, _ := ctx.Value(opctx.ControlKey{}).(Control)
	return c
}

// WithControl returns the context of a transaction for [ControlOf]. It is for stores.
func WithControl(ctx context.Context, c Control) context.Context {
	return context.WithValue(ctx, opctx.ControlKey{}, c)
}

// HeldBack is the error of an acquisition that a request stands in the way of. It is for stores.
func HeldBack(c Control, now time.Time) *LeaseError {
	e := &LeaseError{Name: c.ID, Since: c.Asked, Held: &c}
	if !c.Until.IsZero() {
		e.Expires = c.Until.Sub(now)
	}
	return e
}
