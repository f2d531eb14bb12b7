package verdict

import "errors"

type skip struct{ reason string }

func (e *skip) Error() string { return "skipped: " + e.reason }

// Skip is the error that settles a step as skipped. An empty reason becomes one that says so.
func Skip(reason string) error {
	if reason == "" {
		reason = "no reason was given"
	}
	return &skip{reason}
}

// SkipReason is the reason of err, or of an error it wraps, that came from Skip; false if none did.
func SkipReason(err error) (reason string, ok bool) {
	if err == nil {
		return "", false
	}
	var s *skip
	if !errors.As(err, &s) {
		return "", false
	}
	return s.reason, true
}
