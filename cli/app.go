package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
)

// app is what the commands share.
type app struct {
	s     *seq.Sequencer
	json  bool
	actor string
	open  func(context.Context) (*seq.Sequencer, error) // makes s for the first command that needs it
	path  string                                        // of the command line: the program, and the command below which the tree stands
}

// ready makes the sequencer, if nobody has yet.
func (a *app) ready(ctx context.Context) error {
	if a.s != nil {
		return nil
	}
	s, err := a.open(ctx)
	if err == nil && s == nil {
		err = errors.New("the program opens no sequencer")
	}
	a.s = s
	return err
}

// by is who asks.
func (a *app) by() string {
	if a.actor != "" {
		return a.actor
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// wall is the time that people and leases live in.
var wall = clock.Wall()

// writeJSON writes one document on one line.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// terminal reports whether f, a reader or writer, is a terminal.
func terminal(f any) bool {
	fd, ok := f.(interface{ Fd() uintptr })
	return ok && isatty.IsTerminal(fd.Fd())
}

// colours is the palette for an output. NO_COLOR turns it off everywhere, and FORCE_COLOR on where there is
// no terminal, as in the log of a CI job; if both are set, NO_COLOR counts.
func colours(w io.Writer) palette {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := os.Getenv("FORCE_COLOR"); force != "" && force != "0" {
		return true
	}
	return palette(terminal(w) && os.Getenv("TERM") != "dumb")
}

// palette colours text, or leaves it alone.
type palette bool

func (p palette) wrap(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p palette) bold(text string) string { return p.wrap("1", text) }
func (p palette) dim(text string) string  { return p.wrap("2", text) }
func (p palette) red(text string) string  { return p.wrap("31", text) }

// state is the name of a state, padded to width.
func (p palette) state(s seq.State, width int) string {
	text := s.String() + strings.Repeat(" ", max(0, width-len(s.String())))
	switch s {
	case seq.Succeeded, seq.Waived:
		return p.wrap("32", text)
	case seq.Failed, seq.Indeterminate, seq.RollbackFailed:
		return p.wrap("31", text)
	case seq.Tolerated, seq.Skipped, seq.RollbackPending, seq.RolledBack:
		return p.wrap("33", text)
	case seq.Running, seq.RollingBack, seq.Scheduled:
		return p.wrap("36", text)
	}
	return text
}

// stamp is a time as people and programs read it; "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// span is a duration as people read it.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	text := d.Round(time.Second).String()
	if short, whole := strings.CutSuffix(text, "m0s"); whole {
		return short + "m"
	}
	return text
}

// choice is the flags that choose ops.
type choice struct {
	from string
	tags []string
	only []string
	ops  []string // as only: the arguments of the command
}

func (c *choice) flags(cmd *cobra.Command, a *app, from string, may filter) {
	f := cmd.Flags()
	f.StringVar(&c.from, "from", "", from)
	f.StringSliceVar(&c.tags, "tags", nil, "only operations with one of these `tags`")
	f.StringSliceVar(&c.only, "only", nil, "only these `operations`, with or without timestamp")
	_ = cmd.RegisterFlagCompletionFunc("only", a.offer(may))
	_ = cmd.RegisterFlagCompletionFunc("from", a.completeOps)
	_ = cmd.RegisterFlagCompletionFunc("tags", a.completeTags)
}

// options are the choice as options of any call that runs, undoes or shows ops, with names made into IDs.
func (c *choice) options(cmd *cobra.Command, a *app) ([]seq.RunOption, error) {
	var opts []seq.RunOption
	if len(c.ops) > 0 && cmd.Flags().Changed("only") {
		return nil, usage("name the operations either behind the command or with --only")
	}
	c.only = append(c.only, c.ops...)
	if cmd.Flags().Changed("only") || len(c.ops) > 0 {
		if len(c.only) == 0 { // an empty variable of a script, which would do nothing, silently
			return nil, usage("--only names no operation")
		}
		ids := make([]string, 0, len(c.only))
		for _, name := range c.only {
			id, err := a.find(cmd.Context(), name)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		opts = append(opts, seq.Only(ids...))
	}
	if cmd.Flags().Changed("tags") {
		if len(c.tags) == 0 {
			return nil, usage("--tags names no tag")
		}
		if err := a.knowTags(c.tags); err != nil {
			return nil, err
		}
		opts = append(opts, seq.Tags(c.tags...))
	}
	if cmd.Flags().Changed("from") {
		from := c.from
		if _, _, err := seq.ParseID(strings.TrimSuffix(from, "_")); err != nil {
			id, unknown := a.find(cmd.Context(), from)
			if unknown != nil {
				return nil, usage("--from: want a timestamp as 2024_01_15_120000, or an operation: %w", unknown)
			}
			from = id
		}
		opts = append(opts, seq.From(from))
	}
	return opts, nil
}
