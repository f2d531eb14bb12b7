package verdict

import "errors"

// What somebody may have asked of an op. Package seq exports and documents them.
var (
	ErrPaused    = errors.New("paused")
	ErrCancelled = errors.New("cancelled")
)

// IsAsked reports whether err says that somebody asked the op to end: that is no failure, and trying again
// changes nothing.
func IsAsked(err error) bool { return errors.Is(err, ErrPaused) || errors.Is(err, ErrCancelled) }
