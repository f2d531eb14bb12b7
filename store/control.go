package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq/internal/enum"
	"github.com/sequencer-go/seq/internal/opctx"
)

// A Control is what somebody asks of an op that works in the background, or of whoever holds a lease, and
// what was answered. There is one for each op and each lease of which anything was ever asked.
type Control struct {
	ID      string        // of an op, or the name of a lease; either is what the name of a lease may be
	Number  int64         // of the request, from 1; 0: nothing was ever asked
	Wanted  Wanted        // what is asked for
	Unknown string        // the word that this library does not know, if Wanted is UnknownWanted
	Size    int64         // how much a batch of the op is to do; 0: as the op has it
	Rest    time.Duration // how long the op is to rest between two batches; 0: as the op has it; in milliseconds, rounded up
	Until   time.Time     // when WantHold and WantStop end by themselves, by the store's clock, in milliseconds; zero: only by another request
	Actor   string        // who asks
	Reason  string        // why
	Asked   time.Time     // by the store's clock

	Heard   int64     // the Number of the latest request that was acknowledged
	HeardAt time.Time // by the store's clock; zero: none was
	Note    string    // why the op does not move, in the words of who works on it; "" if it does
	NotedAt time.Time // since when the note is what it is, by the store's clock; zero: there never was one
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

// CleanRequest is what a store keeps of a request: the fields down to Reason, the texts as [ErrorText] has them,
// times in whole milliseconds. A request that cannot be kept is an error that names what is wrong and matches
// [ErrUnknownValue]. It is for stores.
func CleanRequest(c Control) (Control, error) {
	if !leaseNames.MatchString(c.ID) {
		return c, fmt.Errorf("%w: a request for %.100q: want the ID of an op or the name of a lease, 1 to 200 letters, digits and . _ : / -", ErrUnknownValue, c.ID)
	}
	wrong := func(format string, args ...any) (Control, error) {
		return c, fmt.Errorf("%w: a request for %s: %s", ErrUnknownValue, c.ID, fmt.Sprintf(format, args...))
	}
	switch {
	case int(c.Wanted) >= len(wantedNames):
		return wrong("it wants %s; want one of %q", c.Wanted, wantedNames)
	case c.Size < 0:
		return wrong("Size is %d, want 0 or more", c.Size)
	case c.Rest < 0:
		return wrong("Rest is %s, want 0 or more", c.Rest)
	case !c.Until.IsZero() && (c.Until.UnixMilli() <= 0 || c.Until.UTC().Year() > 9999):
		return wrong("Until is %s, want a time from 1970 to 9999, or the zero time", c.Until.UTC().Format(time.RFC3339))
	}
	kept := Control{
		ID: c.ID, Number: c.Number, Wanted: c.Wanted, Size: c.Size, Actor: cleanText(c.Actor), Reason: cleanText(c.Reason),
		Rest: (c.Rest + time.Millisecond - 1).Truncate(time.Millisecond),
	}
	if !c.Until.IsZero() {
		kept.Until = time.UnixMilli(c.Until.UnixMilli()).UTC()
	}
	return kept, nil
}

// ErrAsked means that a request was refused, because somebody else asked in the meantime, or because the
// op was cancelled.
var ErrAsked = errors.New("somebody else asked for something in the meantime, or the op was cancelled")

// An Answer acknowledges what was asked of an op, or of the holder of a lease.
type Answer struct {
	ID   string // see [Control]
	Seen int64  // the Number of the request; one that was heard already changes nothing of that, one that nobody made counts as the latest
	Note string // see [Control]; the same as before keeps its time
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

// HeldBack is the error of an acquisition that a request stands in the way of, nil if it does not: because it
// asks for no such thing, has ended by now, or is the owner's own. It is for stores.
func HeldBack(c Control, owner Owner, now time.Time) *LeaseError {
	if !c.Holds(now) || owner.Actor != "" && cleanText(owner.Actor) == c.Actor {
		return nil
	}
	e := &LeaseError{Name: c.ID, Since: c.Asked, Held: &c}
	if !c.Until.IsZero() {
		e.Expires = c.Until.Sub(now)
	}
	return e
}
