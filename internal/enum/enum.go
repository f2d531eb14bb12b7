// Package enum names the values of enumerations.
package enum

import (
	"errors"
	"fmt"
)

// ErrUnknown means that a text is not the name of any value.
var ErrUnknown = errors.New("unknown value")

// Name is the text of a value; "unknown(7)" for one that a newer version wrote.
func Name[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown(%d)", v)
}

// Parse is the value that a text names. what says in the error what the text should have been; the
// error matches [ErrUnknown].
func Parse[T ~uint8](names []string, s, what string) (T, error) {
	for i, n := range names {
		if n == s {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%w: %s %q", ErrUnknown, what, s)
}
