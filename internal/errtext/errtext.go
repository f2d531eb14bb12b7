// Package errtext reads the texts of errors, which are the user's code.
package errtext

import "fmt"

// Of is err.Error(). If that panics, the text says so.
func Of(err error) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("%T, whose Error method panics: %v", err, p)
		}
	}()
	return err.Error()
}
