package cli

import (
	"io"

	"github.com/sequencer-go/seq"
)

func newLive(out io.Writer, b *board) view { return newLines(out, b) }

var _ = seq.Pending
