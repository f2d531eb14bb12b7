package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// A request is what all commands that ask something of another process have in common.
type request struct {
	reason string
	wait   time.Duration
	yes    bool
}

func (r *request) flags(cmd *cobra.Command, asks bool) {
	f := cmd.Flags()
	f.StringVar(&r.reason, "reason", "", "`why`, for whoever meets it")
	f.DurationVar(&r.wait, "wait", 10*time.Second, "how long to wait for the `answer` of who works on it; 0 does not wait")
	if asks {
		f.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	}
}

// options are who asks and why.
func (r *request) options(a *app) []seq.RunOption {
	return []seq.RunOption{seq.By(a.by()), seq.Because(r.reason)}
}

// check refuses a request without a reason.
func (r *request) check() error {
	switch {
	case strings.TrimSpace(r.reason) == "":
		return usage("say why with --reason; whoever meets it will want to know")
	case r.wait < 0:
		return usage("--wait %s: it must not be negative", r.wait)
	}
	return nil
}

// confirm asks a person, unless they said yes before. Where nobody can answer it refuses.
func (r *request) confirm(cmd *cobra.Command, a *app, question string) error {
	if r.yes {
		return nil
	}
	if a.json || !terminal(cmd.InOrStdin()) {
		return usage("%s Nobody can be asked here; --yes does it", question)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s [y/N] ", question)
	if answer := ask(cmd); answer != "y" && answer != "yes" {
		code := Refused
		if cmd.Context().Err() != nil {
			code = Interrupted
		}
		return &exitError{code: code, err: errors.New("nothing was asked")}
	}
	return nil
}

// A verb is something to ask of an op in the background.
type verb struct {
	question func(o *seq.OpStatus) string // "" or nil: it does not ask
	do       func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error)
	is       func(c *seq.Control) string // what the op is from now on
}

func (a *app) pause() *cobra.Command {
	return a.steer(&cobra.Command{
		Use:   "pause OP",
		Short: "Let an operation in the background rest",
		Long: `Let an operation in the background rest: it ends with the batch that it is at, and nobody takes it up until
resume. What its batches have done stays, and it goes on from there.`,
		Example: `  {{name}} pause fill_plans --reason "the disk is full"`,
	}, mayPause, verb{
		do: func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error) {
			return a.s.Pause(ctx, id, opts...)
		},
		is: func(*seq.Control) string { return "is paused; resume takes that back" },
	})
}

func (a *app) resume() *cobra.Command {
	return a.steer(&cobra.Command{
		Use:   "resume OP",
		Short: "Take back a pause",
		Long: `Take back a pause: whoever works in the background takes the operation up, where it stopped. It also has an
operation done again that was rolled back.`,
		Example: `  {{name}} resume fill_plans --reason "there is room again"`,
	}, mayResume, verb{
		do: func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error) {
			return a.s.Resume(ctx, id, opts...)
		},
		is: func(*seq.Control) string { return "may go on" },
	})
}

func (a *app) cancel() *cobra.Command {
	return a.steer(&cobra.Command{
		Use:   "cancel OP",
		Short: "End an operation in the background for good",
		Long: `End an operation in the background for good: nobody takes it up again, and nothing takes that back. What its
batches have done stays, unless it is rolled back. What depends on it goes on only after skip. It asks;
--yes does not ask, and is needed where nobody can answer.`,
		Example: `  {{name}} cancel fill_plans --yes --reason "the plan was wrong"`,
	}, maySet, verb{
		question: func(o *seq.OpStatus) string {
			if o.Done == 0 && o.Total == 0 {
				return fmt.Sprintf("Cancel %s for good?", brief(o.ID))
			}
			return fmt.Sprintf("Cancel %s for good, with %s?", brief(o.ID), progressText(o.Done, o.Total))
		},
		do: func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error) {
			return a.s.Cancel(ctx, id, opts...)
		},
		is: func(*seq.Control) string { return "is cancelled, for good" },
	})
}

func (a *app) set() *cobra.Command {
	var size int64
	var rest time.Duration
	cmd := a.steer(&cobra.Command{
		Use:   "set OP [--size N] [--rest TIME]",
		Short: "Say how much a batch does, and how long it rests",
		Long: `Say how much a batch of an operation in the background is to do, in the operation's own units, and how long it
is to rest between two. It takes effect with the next batch; 0 leaves it to the operation again.`,
		Example: `  {{name}} set fill_plans --size 200 --rest 1s --reason "the replica lags"
  {{name}} set fill_plans --size 0 --rest 0 --reason "it has caught up"`,
	}, maySet, verb{
		do: func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error) {
			return a.s.Set(ctx, id, size, rest, opts...)
		},
		is: func(c *seq.Control) string {
			if with := terms(c); with != "" {
				return "works with " + with
			}
			return "works as it has it itself"
		},
	})
	cmd.Flags().Int64Var(&size, "size", -1, "how much a batch does, as a `number`; 0: as the operation has it")
	cmd.Flags().DurationVar(&rest, "rest", -1, "how long it rests between two batches, as a `time`; 0: as the operation has it")
	cmd.Flags().Lookup("size").DefValue, cmd.Flags().Lookup("rest").DefValue = "0", "0s" // help is to show none
	act := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sized, rested := cmd.Flags().Changed("size"), cmd.Flags().Changed("rest")
		switch {
		case !sized && !rested:
			return usage("say what to set: --size, --rest, or both")
		case sized && size < 0:
			return usage("--size %d: it must not be negative", size)
		case rested && rest < 0:
			return usage("--rest %s: it must not be negative", rest)
		}
		return act(cmd, args)
	}
	return cmd
}

// steer makes a command of a verb.
func (a *app) steer(cmd *cobra.Command, may filter, v verb) *cobra.Command {
	var r request
	cmd.Use += " --reason WHY"
	cmd.Args = cobra.ExactArgs(1)
	cmd.ValidArgsFunction = a.offerOne(may)
	r.flags(cmd, v.question != nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := r.check(); err != nil {
			return err
		}
		ctx := cmd.Context()
		id, err := a.find(ctx, args[0])
		if err != nil {
			return err
		}
		o, _, err := a.op(ctx, id)
		if err != nil {
			return err
		}
		if v.question != nil && may(o) {
			if err := r.confirm(cmd, a, v.question(o)); err != nil {
				return err
			}
		}
		c, err := v.do(ctx, id, r.options(a)...)
		if err != nil {
			return a.illegal(ctx, id, err)
		}
		before := o.Worker
		if before != nil || c.Wanted == store.WantGo {
			if o, st, look := a.op(ctx, id); look != nil || before != nil || o.Kept == "" && len(o.Waits) == 0 && !st.NoWorker {
				a.await(ctx, id, c.Number, r.wait, nil)
			}
		}
		return a.told(cmd, id, v, before)
	}
	return cmd
}

// illegal adds to the refusal of a request what is legal for the op now.
func (a *app) illegal(ctx context.Context, id string, err error) error {
	if !errors.Is(err, seq.ErrInvalidOption) {
		return err
	}
	hint := ""
	if o, _, look := a.op(ctx, id); look == nil {
		hint = "legal now: " + strings.Join(a.legal(ctx, o), "; ")
	}
	return refused(err, hint)
}

// await waits until a request was acknowledged and then is true, as long as it may.
func (a *app) await(ctx context.Context, id string, number int64, patience time.Duration, then func() bool) {
	const often = 100 * time.Millisecond
	for left := patience; left > 0; left -= often {
		if c, err := a.s.Store().Control(ctx, id); err == nil && c.Heard >= number && (then == nil || then()) {
			return
		}
		if clock.Sleep(ctx, wall, min(left, often)) != nil {
			return // the request stands
		}
	}
}

// told says what became of a request to an op: who has heard it, or why nobody has.
func (a *app) told(cmd *cobra.Command, id string, v verb, before *store.LeaseError) error {
	ctx := context.WithoutCancel(cmd.Context())
	c, err := a.s.Store().Control(ctx, id)
	if err != nil {
		return err
	}
	o, st, err := a.op(ctx, id)
	if err != nil {
		return err
	}
	who := before
	if who == nil {
		who = o.Worker
	}
	heard := !unheard(&c)
	out := cmd.OutOrStdout()
	if a.json {
		answer := struct {
			ID string `json:"id"`
			*controlView
			HeardBy  *ownerView  `json:"heard_by,omitempty"`
			Worker   *holderView `json:"worker,omitempty"`
			NoWorker bool        `json:"no_worker,omitempty"`
		}{ID: id, controlView: viewControl(&c), Worker: viewHolder(o.Worker), NoWorker: st.NoWorker}
		if heard && who != nil {
			owner := viewOwner(who.Holder)
			answer.HeardBy = &owner
		}
		return writeJSON(out, answer)
	}
	fmt.Fprintf(out, "%s %s\n", brief(id), v.is(&c))
	switch {
	case heard && who != nil:
		fmt.Fprintf(out, "  heard by %s, %s later\n", brief(who.Holder.String()), span(since(c.Asked, c.HeardAt)))
	case heard:
		fmt.Fprintf(out, "  heard %s later\n", span(since(c.Asked, c.HeardAt)))
	case before != nil:
		fmt.Fprintf(out, "  not heard yet by %s, who works on it: that will be with the end of its batch, or its process is dead; show %s says\n", brief(before.Holder.String()), brief(id))
	case c.Wanted == store.WantGo && st.NoWorker:
		fmt.Fprintf(out, "  %s\n", a.nobody())
	case c.Wanted == store.WantGo && (o.Kept != "" || len(o.Waits) > 0):
		fmt.Fprintf(out, "  nobody works on it: %s\n", remarks(o, st))
	case c.Wanted == store.WantGo:
		fmt.Fprintln(out, "  nobody works on it now; whoever takes it up heeds that")
	default:
		fmt.Fprintln(out, "  nobody was at work on it")
	}
	return nil
}
