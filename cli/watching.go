package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

func (a *app) watching() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Watch the run of another process",
		Long: `Watch what another process runs, as that process shows it: on a terminal live, in a pipe a line an event,
with --json a document an event. It reads the ledger about once a second and disturbs nobody. It ends with
the run, and says what became of it by its exit code: 1 if the run failed or its process died. If nothing
runs it says so, and what works in the background, and exits with 0.`,
		Example: `  {{name}} watch
  {{name}} watch --follow               # this run, and those after it, until it is interrupted`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for {
				f := &follower{a: a, cmd: cmd, before: map[string]*seq.OpStatus{}}
				err := f.follow(cmd.Context(), follow)
				if cmd.Context().Err() != nil { // whoever watches may stop at any time
					err = nil
				}
				if !follow || cmd.Context().Err() != nil {
					return err
				}
			}
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the runs that come after it")
	return cmd
}

// glance is how often the ledger is read; less often when that takes long.
const glance = time.Second

// A follower tells a view what happens in a run, by what changes in the ledger.
type follower struct {
	a       *app
	cmd     *cobra.Command
	v       view
	run     *store.Run
	before  map[string]*seq.OpStatus // how the ops of the run stood at the last look
	failed  []string                 // with their errors
	undoing bool                     // that was told
	alone   bool                     // nobody held the lease at the last look
}

// follow watches one run until it is over.
func (f *follower) follow(ctx context.Context, wait bool) error {
	if err := f.find(ctx, wait); err != nil || f.run == nil {
		return err
	}
	left, err := f.a.s.Preview(ctx)
	if err != nil {
		left = nil // then no waves are shown
	}
	f.v = f.a.view(f.cmd, left)
	defer f.close()
	total, err := f.past(ctx)
	if err != nil {
		return err
	}
	if left != nil {
		total += len(left.Steps)
	}
	f.tell(middleware.Event{Kind: middleware.EventRunStarted, Total: int64(total)}, f.run.Started)
	for {
		began := wall.Now()
		over, err := f.look(ctx)
		switch {
		case over:
			return f.end(err)
		case err != nil:
			f.v.event(middleware.Event{Kind: middleware.EventWaiting, Time: wall.Now(), Err: err, Delay: glance})
		}
		if err := clock.Sleep(ctx, wall, max(glance, 10*wall.Now().Sub(began))); err != nil {
			return err
		}
	}
}

// find looks for the run that is under way. It says so if there is none, unless it is to wait for one.
func (f *follower) find(ctx context.Context, wait bool) error {
	for {
		runs, err := f.a.s.Store().UnfinishedRuns(ctx)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(runs, func(r store.Run) bool { return r.Strategy != workStrategy }); i >= 0 {
			f.run = &runs[i]
			return nil
		}
		if !wait {
			last, err := f.a.s.Store().Runs(ctx, store.Page{Limit: 1})
			if err != nil {
				return err
			}
			return f.idle(ctx, last)
		}
		if err := clock.Sleep(ctx, wall, glance); err != nil {
			return err
		}
	}
}

// idle says that nothing runs, and what ran last.
func (f *follower) idle(ctx context.Context, runs []store.Run) error {
	out := f.cmd.OutOrStdout()
	st, err := f.a.s.Status(ctx)
	if err != nil {
		return err
	}
	st.Ops = background(st)
	if f.a.json {
		views := []runView{}
		for i := range runs {
			views = append(views, viewRun(&runs[i]))
		}
		return writeJSON(out, map[string]any{"running": false, "runs": views, "background": viewOps(st.Ops), "held": viewHeld(st), "no_worker": st.NoWorker})
	}
	fmt.Fprintln(out, "nothing is running")
	for i := range runs {
		fmt.Fprint(out, "the last run: ")
		printRun(out, &runs[i])
	}
	if len(st.Ops) > 0 || held(st) != "" {
		f.a.printStatus(out, st, nil, false)
	}
	return nil
}

// past looks at what the run has done by now. A little of it is told; more would fill the screen. It
// returns how many ops will be told.
func (f *follower) past(ctx context.Context) (told int, err error) {
	const most = 20
	st, err := f.a.s.Status(ctx)
	if err != nil {
		return 0, err
	}
	done := map[string]*seq.OpStatus{}
	for i := range st.Ops {
		if o := &st.Ops[i]; o.Run == f.run.ID && o.State.Done() {
			done[o.ID] = o
		}
	}
	if len(done) <= most {
		return len(done), nil
	}
	f.before = done
	return 0, nil
}

// close takes the view off the screen.
func (f *follower) close() {
	if f.v != nil {
		f.v.close()
		f.v = nil
	}
}

// tell sends an event of the run. Times of the ledger's clock that lie ahead of this host's count as now.
func (f *follower) tell(e middleware.Event, at time.Time) {
	now := wall.Now()
	if at.IsZero() || at.After(now) {
		at = now
	}
	e.Time, e.Run, e.Strategy = at, f.run.ID, f.run.Strategy
	f.v.event(e)
}

// look reads the ledger once, and tells what has changed. It reports whether the run is over; the error
// says then why it did not succeed.
func (f *follower) look(ctx context.Context) (over bool, err error) {
	// The run first: what it did before it ended is in the ops that are read after it.
	run, known, err := f.a.s.Store().LookupRun(ctx, f.run.ID)
	if err != nil {
		return false, err
	}
	st, err := f.a.s.Status(ctx)
	if err != nil {
		return false, err
	}
	if known {
		f.run = &run
		f.turned(st)
	}
	for i := range st.Ops {
		if o := &st.Ops[i]; o.Run == f.run.ID {
			f.changed(ctx, f.before[o.ID], o)
			f.before[o.ID] = o
		}
	}
	f.v.there(nil, st.Holder)
	if !known {
		return true, errors.New("the ledger knows the run no more")
	}
	if f.run.State.Final() {
		f.tell(middleware.Event{Kind: middleware.EventRunFinished, RunState: f.run.State}, f.run.Finished)
		if f.run.State != seq.RunSucceeded {
			err = fmt.Errorf("the run is %s", f.run.State)
		}
		return true, err
	}
	gone := st.Holder == nil && f.run.State != seq.RunWaiting
	if gone && f.alone {
		return true, fmt.Errorf("the process of the run has died: %s; the next run goes on with what is left", f.run.Owner)
	}
	f.alone = gone
	return false, nil
}

// turned tells, once, that the run undoes what it did, and how many ops that is.
func (f *follower) turned(st *seq.Status) {
	if f.undoing || f.run.State != seq.RunRollingBack {
		return
	}
	f.undoing = true
	all := int64(0) // those that were undone since the last look as well
	for i := range st.Ops {
		if o := &st.Ops[i]; o.Run == f.run.ID && slices.Contains([]seq.State{seq.RollbackPending, seq.RollingBack, seq.RolledBack, seq.RollbackFailed}, o.State) {
			all++
		}
	}
	f.tell(middleware.Event{Kind: middleware.EventRollbackStarted, Total: all}, time.Time{})
}

// changed tells how an op has moved on since the last look.
func (f *follower) changed(ctx context.Context, was, o *seq.OpStatus) {
	e := middleware.Event{ID: o.ID, Attempt: o.Attempt, State: o.State, Done: o.Done, Total: o.Total}
	if o.State == seq.RollingBack || o.State == seq.RolledBack || o.State == seq.RollbackFailed {
		e.Direction = seq.Rollback
	}
	again := was == nil || was.Attempt != o.Attempt
	switch {
	case o.State.Open():
		if again || !was.State.Open() {
			e.Kind = middleware.EventStarted
			f.tell(e, f.latest(ctx, o).Started)
		}
		if o.Done > 0 && (again || was.Done != o.Done) {
			e.Kind = middleware.EventProgress
			f.tell(e, time.Time{})
		}
	case again || was.State != o.State:
		e.Kind = middleware.EventSettled
		if o.Error != "" && (broken(o) || o.State == seq.Tolerated) {
			e.Err = errors.New(o.Error)
		}
		if broken(o) {
			f.failed = append(f.failed, o.ID+": "+firstLine(o.Error))
		}
		f.tell(e, f.latest(ctx, o).Finished)
	}
}

// latest is the last attempt at an op; the zero one if it cannot be read.
func (f *follower) latest(ctx context.Context, o *seq.OpStatus) store.Attempt {
	list, err := f.a.s.Store().History(ctx, o.ID, store.Page{Limit: 1})
	if err != nil || len(list) == 0 {
		return store.Attempt{}
	}
	return list[0]
}

// end says what became of the run.
func (f *follower) end(err error) error {
	f.close()
	out := f.cmd.OutOrStdout()
	if f.a.json {
		view := viewRun(f.run)
		if wrong := writeJSON(out, map[string]any{"event": "watched", "run": view, "failed": append([]string{}, f.failed...)}); wrong != nil {
			return wrong
		}
	} else {
		printRun(out, f.run)
	}
	if err == nil {
		return nil
	}
	for _, line := range f.failed[:min(5, len(f.failed))] {
		err = fmt.Errorf("%w\n%s", err, line)
	}
	hint := "legal now: " + f.a.line("status", "--failed") + " shows what is to be done; " + f.a.line("run") + " goes on with what is left"
	return &exitError{code: Failed, err: err, hint: hint}
}
