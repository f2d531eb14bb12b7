package exec

import (
	"errors"
	"fmt"
)

// ErrPanic means that the function of an op, or a part of the strategy, panicked or ended its goroutine. See [PanicError].
var ErrPanic = errors.New("panic")

// A PanicError is what a panic becomes. It matches [ErrPanic], and the value of the panic if that is
// an error.
type PanicError struct {
	Value any    // nil if it called runtime.Goexit
	Stack string // of its goroutine
}

func (e *PanicError) Error() string {
	if e.Value == nil {
		return "the op ended its goroutine (runtime.Goexit)"
	}
	return fmt.Sprintf("%v: %v", ErrPanic, e.Value)
}

// Is reports whether target is [ErrPanic].
func (e *PanicError) Is(target error) bool { return target == ErrPanic }

// Unwrap is the error of the panic, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
