// Package verdict has what an op's error may say beyond that it failed.
package verdict

import "errors"

type permanent struct{ error }

func (e *permanent) Unwrap() error { return e.error }

// Permanent marks an error that trying again will not cure. It is nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

// IsPermanent reports whether err, or an error it wraps, came from Permanent.
func IsPermanent(err error) bool {
	_, is := errors.AsType[*permanent](err) // which, unlike errors.As, allocates nothing for nil
	return is
}

type notAppliedError struct{ error }

func (e *notAppliedError) Unwrap() error { return e.error }

// NotApplied marks an error of an attempt that had no effect. It is nil for nil.
func NotApplied(err error) error {
	if err == nil {
		return nil
	}
	return &notAppliedError{err}
}

// IsNotApplied reports whether err, or an error it wraps, came from NotApplied.
func IsNotApplied(err error) bool {
	_, is := errors.AsType[*notAppliedError](err)
	return is
}
