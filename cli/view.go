package cli

import (
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// view is the one that suits the output.
func (a *app) view(cmd *cobra.Command, plan *plan.Plan) view {
	out := cmd.OutOrStdout()
	switch {
	case a.json:
		return newJSONLines(out)
	case terminal(out) && os.Getenv("TERM") != "dumb" && !lasts(cmd):
		b := newBoard(plan)
		b.names = a.names()
		return newLive(out, b)
	default:
		b := newBoard(plan)
		b.names = a.names()
		b.serving = lasts(cmd)
		return newLines(out, b)
	}
}

// lasts reports whether a command goes on until somebody stops it: having nothing to do is how it should be.
func lasts(cmd *cobra.Command) bool { return cmd.Name() == "serve" || cmd.Name() == "work" }

// jsonLines writes each event as a JSON document on a line.
type jsonLines struct {
	mu   sync.Mutex
	out  io.Writer
	some func(middleware.Event) // progress not more often than the log
}

func newJSONLines(out io.Writer) *jsonLines {
	j := &jsonLines{out: out}
	j.some = middleware.Throttle(middleware.ProgressPause, j.write)
	return j
}

func (j *jsonLines) event(e middleware.Event) { j.some(e) }

func (j *jsonLines) write(e middleware.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = writeJSON(j.out, viewEvent(&e))
}

func (*jsonLines) there([]seq.OpStatus, *store.LeaseError) {}

func (*jsonLines) stopping() {}

func (*jsonLines) close() {}
