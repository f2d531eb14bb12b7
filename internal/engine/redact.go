package engine

import "github.com/sequencer-go/seq/internal/errtext"

// A redactor takes out of a text what must not be shown. nil leaves every text as it is. It may be asked
// about a text more than once, and about one that holds what it made of another.
type redactor func(text string) string

const withheld = "(a text that is withheld, because the hook that redacts it panicked)"

func (r redactor) text(s string) (out string) {
	if r == nil || s == "" {
		return s
	}
	defer func() {
		if recover() != nil {
			out = withheld
		}
	}()
	return r(s)
}

// error is an error with its text redacted. It matches what err matches.
func (r redactor) error(err error) error {
	if r == nil || err == nil {
		return err
	}
	text := errtext.Of(err)
	if safe := r.text(text); safe != text {
		return &redactedError{safe, err}
	}
	return err
}

// A redactedError has another text than the error that it wraps.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }
