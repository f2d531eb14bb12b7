package plan

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a plan.
var (
	// ErrCycle means that ops depend on each other in a circle. See [CycleError].
	ErrCycle = errors.New("dependency cycle")
	// ErrInvalid means that a planner returned something that cannot be walked.
	ErrInvalid = errors.New("invalid plan")
	// ErrNotReversible means that an op has no Rollback where one is needed.
	ErrNotReversible = errors.New("not reversible")
)

// A CycleError names the ops of a dependency cycle, in order, the first again at the end. It
// matches [ErrCycle].
type CycleError struct{ Path []string }

func (e *CycleError) Error() string {
	return fmt.Sprintf("%v: %s", ErrCycle, strings.Join(e.Path, " → "))
}

// Is reports whether target is [ErrCycle].
func (e *CycleError) Is(target error) bool { return target == ErrCycle }
