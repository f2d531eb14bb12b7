package cli

import (
	"errors"
	"io"
	"syscall"
)

// A pipe is an output whose reader may go away, as that of "plan --json | head": what was asked for has
// been read then, which is no failure. A run goes on without a reader.
type pipe struct{ io.Writer }

func (q pipe) Write(p []byte) (int, error) {
	n, err := q.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return len(p), nil
	}
	return n, err
}

// piped is out, as a pipe unless it is a terminal.
func piped(out io.Writer) io.Writer {
	if terminal(out) {
		return out
	}
	return pipe{out}
}
