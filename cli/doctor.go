package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

// A check is one thing that doctor looked at.
type check struct {
	Name  string `json:"check"`
	State string `json:"state"` // ok, warning, failed
	Found string `json:"found"`
	Do    string `json:"do,omitempty"`
}

const (
	good = "ok"
	warn = "warning"
	bad  = "failed"
)

// patience bounds how long doctor waits for a database that does not answer.
const patience = 15 * time.Second

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps operations from running",
		Long: `Look for what keeps operations from running, or will: whether the ledger's database answers and can be
written, the privileges on its tables, their version, who holds the lease, how far the clocks differ, a
pooler in between, a pool that is too small, mistakes in the code, and what waits for a person. It
locks nothing and writes nothing. Exit code 1 if something failed; a warning is none.`,
		Example: `  {{name}} doctor
  {{name}} doctor --json | jq -r '.checks[] | select(.state != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), patience, fmt.Errorf("no answer in %s", span(patience)))
			defer cancel()
			list := a.examine(ctx)
			failed := 0
			for _, c := range list {
				if c.State == bad {
					failed++
				}
			}
			out := cmd.OutOrStdout()
			if a.json {
				if err := writeJSON(out, map[string]any{"checks": list, "version": built(), "failed": failed}); err != nil {
					return err
				}
			} else {
				printChecks(out, colours(out), list)
			}
			if failed > 0 {
				return &exitError{code: Failed, err: fmt.Errorf("%s failed", number(failed, "check")), told: a.json}
			}
			return nil
		},
	}
}

func printChecks(out io.Writer, p palette, list []check) {
	colour := map[string]string{good: "32", warn: "33", bad: "31"}
	for _, c := range list {
		fmt.Fprintf(out, "%s %-12s %s\n", p.wrap(colour[c.State], fmt.Sprintf("%-8s", c.State)), c.Name, brief(c.Found))
		if c.Do != "" {
			fmt.Fprintf(out, "%21s %s\n", "", p.dim(brief(c.Do)))
		}
	}
}

// examine makes the checks, and stops where the rest would fail for the same reason.
func (a *app) examine(ctx context.Context) []check {
	began := wall.Now()
	st, err := a.s.Status(ctx)
	took := wall.Now().Sub(began)
	var list []check
	add := func(name, state, found, do string) { list = append(list, check{name, state, found, do}) }
	_, planErr := a.s.Preview(ctx)
	switch {
	case err == nil && (planErr == nil || !seq.IsMistake(planErr)):
		add("code", good, number(len(a.s.Ops()), "operation")+", a valid plan", "")
	case seq.IsMistake(err) || seq.IsMistake(planErr):
		if err == nil {
			err = planErr
		}
		add("code", bad, reworded(err), "correct the operations; nothing runs before")
		return list
	}
	if err != nil {
		if errors.Is(context.Cause(ctx), context.Canceled) || ctx.Err() == nil {
			add("connection", bad, err.Error(), "check the address, the password and whether the server runs")
		} else {
			add("connection", bad, context.Cause(ctx).Error()+": "+err.Error(), "check the address, and whether a firewall drops what is sent there")
		}
		return list
	}
	add("connection", good, "the ledger answers in "+span(took), "")
	list = append(list, a.examineDatabase(ctx)...)
	list = append(list, a.examineLease(st)...)
	list = append(list, a.examineBackground(st)...)
	return append(list, a.examineWork(st))
}

// examineLease says who holds the lease, and what a holder that died left behind.
func (a *app) examineLease(st *seq.Status) (list []check) {
	h := st.Holder
	if text := held(st); text != "" {
		return []check{{"lease", warn, text, a.line("release") + " lets everybody go on"}}
	}
	if h == nil {
		left := 0
		for i := range st.Ops {
			if st.Ops[i].State.Open() && !st.Ops[i].Background {
				left++
			}
		}
		if left > 0 {
			return []check{{"lease", warn, fmt.Sprintf("free, and %s left open by a process that died", number(left, "operation")), a.line("run") + " closes them and goes on"}}
		}
		return []check{{"lease", good, "free", ""}}
	}
	found := fmt.Sprintf("held by %s since %s; if it is dead, free in %s", h.Holder, stamp(h.Since), span(h.Expires.Round(time.Second)))
	return []check{{"lease", good, found, a.line("watch") + " shows what it does; there is nothing to unlock"}}
}

// examineBackground says whether somebody works in the background, if anything is left there.
func (a *app) examineBackground(st *seq.Status) []check {
	left := slices.DeleteFunc(background(st), func(o seq.OpStatus) bool { return !maySet(&o) })
	switch {
	case len(left) == 0:
		return nil
	case st.NoWorker:
		return []check{{"background", warn, number(len(left), "operation") + " left, and no process works in the background", a.line("work") + " does"}}
	}
	return []check{{"background", good, number(len(left), "operation") + " left, and a process that works", ""}}
}

// examineWork says what waits for a person.
func (a *app) examineWork(st *seq.Status) check {
	people, first := 0, ""
	for i := range st.Ops {
		if o := &st.Ops[i]; broken(o) {
			if people++; first == "" {
				first = o.ID
			}
		}
	}
	if people == 0 {
		return check{"operations", good, "nothing waits for a person", ""}
	}
	return check{"operations", warn, number(people, "operation") + " failed, or cannot go on without a person", a.line("show", first) + " tells why and what can be done"}
}
