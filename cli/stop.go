package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

func (a *app) stop() *cobra.Command {
	var r request
	var until age
	var force time.Duration
	cmd := &cobra.Command{
		Use:   "stop --reason WHY",
		Short: "Stop the run that is under way, and keep others from going on",
		Long: `Stop the run that is under way, on whatever host: nothing new begins, what runs is asked to end, and the run
is interrupted. From then on the ledger is held: no process gets it, so that none that waits goes on,
but those that act for the same person (--by), who may run, roll back and decide; until release, or the
time of --until. --force takes the lease away from a process that has not ended by then: what it
still writes is refused, as if it had died. Work in the background goes on; pause stops that. It asks; --yes does not
ask, and is needed where nobody can answer.`,
		Example: `  {{name}} stop --reason "checkout is down"
  {{name}} stop --force 30s --yes --reason "its host does not answer"
  {{name}} release --reason "mended"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := a.hold(cmd, &r, until)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("force") {
				if force < 0 {
					return usage("--force %s: it must not be negative", force)
				}
				opts = append(opts, seq.Force(force))
			}
			st, err := a.s.Status(cmd.Context())
			if err != nil {
				return err
			}
			question := "Nothing is running. Keep everybody but " + brief(a.by()) + " from beginning?"
			if st.Holder != nil {
				question = fmt.Sprintf("Stop the run of %s, and keep everybody but %s from going on?", brief(st.Holder.Holder.String()), brief(a.by()))
			}
			if err := r.confirm(cmd, a, question); err != nil {
				return err
			}
			c, err := a.s.Stop(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			if st.Holder != nil {
				a.await(cmd.Context(), store.RunLease, c.Number, r.wait, func() bool {
					h, err := a.s.Store().Holder(cmd.Context(), store.RunLease)
					return err == nil && (h == nil || !h.Since.Equal(st.Holder.Since))
				})
			}
			return a.stopped(cmd, st.Holder)
		},
	}
	r.flags(cmd, true)
	cmd.Flags().Var(&until, "until", "let others go on after this `time`, as 1h or 2d; without it, with release")
	cmd.Flags().DurationVar(&force, "force", 0, "take the lease away if the run has not ended after this `time`")
	return cmd
}

func (a *app) holding() *cobra.Command {
	var r request
	var until age
	cmd := &cobra.Command{
		Use:   "hold --reason WHY",
		Short: "Keep runs from beginning",
		Long: `Keep runs from beginning, but those that act for the same person (--by). A run that is under way goes on to
its end, and so does work in the background. release, or the time of --until, ends it.`,
		Example: `  {{name}} hold --until 2h --reason "the database moves tonight"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := a.hold(cmd, &r, until)
			if err != nil {
				return err
			}
			if _, err := a.s.Hold(cmd.Context(), opts...); err != nil {
				return err
			}
			return a.stopped(cmd, nil)
		},
	}
	cmd.Flags().StringVar(&r.reason, "reason", "", "`why`, for whoever meets it")
	cmd.Flags().Var(&until, "until", "let others go on after this `time`, as 1h or 2d; without it, with release")
	return cmd
}

func (a *app) release() *cobra.Command {
	var r request
	cmd := &cobra.Command{
		Use:     "release --reason WHY",
		Short:   "Take back a stop or a hold",
		Long:    `Take back a stop or a hold: whoever waits goes on.`,
		Example: `  {{name}} release --reason "checkout is up again"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(); err != nil {
				return err
			}
			c, err := a.s.Release(cmd.Context(), r.options(a)...)
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(cmd.OutOrStdout(), viewControl(&c))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "the ledger is free: whoever waits goes on")
			return err
		},
	}
	cmd.Flags().StringVar(&r.reason, "reason", "", "`why`, for whoever meets it")
	return cmd
}

// hold are the options that stop and hold have in common.
func (a *app) hold(cmd *cobra.Command, r *request, until age) ([]seq.RunOption, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	opts := r.options(a)
	if cmd.Flags().Changed("until") {
		opts = append(opts, seq.Until(time.Duration(until)))
	}
	return opts, nil
}

// stopped says what became of a request to runs; before is who held the lease when it was made, if it was
// to stop.
func (a *app) stopped(cmd *cobra.Command, before *store.LeaseError) error {
	st, err := a.s.Status(context.WithoutCancel(cmd.Context()))
	if err != nil {
		return err
	}
	c := st.Control
	there := before != nil && st.Holder != nil && st.Holder.Since.Equal(before.Since)
	out := cmd.OutOrStdout()
	if a.json {
		answer := struct {
			*controlView
			Held    bool        `json:"held"`
			HeardBy *ownerView  `json:"heard_by,omitempty"`
			Stopped *bool       `json:"stopped,omitempty"` // the run that was under way is over
			Holder  *holderView `json:"holder,omitempty"`
		}{controlView: viewControl(c), Held: c.Holds(st.Now), Holder: viewHolder(st.Holder)}
		if before != nil {
			over := !there
			answer.Stopped = &over
			if owner := viewOwner(before.Holder); !unheard(c) {
				answer.HeardBy = &owner
			}
		}
		return writeJSON(out, answer)
	}
	if text := held(st); text != "" && !there {
		fmt.Fprintln(out, text)
	} else if there {
		fmt.Fprintf(out, "the ledger is held for %s, %s\n", brief(c.Actor), untilText(c))
	}
	who := ""
	if before != nil {
		who = brief(before.Holder.String())
	}
	switch {
	case c.Wanted == store.WantStop && before == nil:
		fmt.Fprintln(out, "  nothing was running")
	case c.Wanted == store.WantHold && st.Holder != nil:
		fmt.Fprintf(out, "  the run of %s goes on to its end\n", brief(st.Holder.Holder.String()))
	case c.Wanted == store.WantHold:
	case !there && !unheard(c):
		fmt.Fprintf(out, "  %s heard it %s later, and its run is over\n", who, span(since(c.Asked, c.HeardAt)))
	case !there:
		fmt.Fprintf(out, "  the run of %s is over, or its lease was taken away: what it still writes is refused\n", who)
	case !unheard(c):
		fmt.Fprintf(out, "  %s heard it %s later, and waits for what runs to end\n", who, span(since(c.Asked, c.HeardAt)))
	default:
		fmt.Fprintf(out, "  %s has not heard it yet: it will within a renewal of its lease, or it is dead; stop --force 30s takes its lease away\n", who)
	}
	if held(st) != "" {
		fmt.Fprintf(out, "  who acts for %s may run, roll back and decide; release lets everybody go on\n", brief(c.Actor))
	}
	return nil
}
