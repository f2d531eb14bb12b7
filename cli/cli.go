package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

// Main runs the command that the process's arguments ask for and exits. An interrupt, SIGTERM or
// SIGHUP ends the run in good order; an interrupt or SIGTERM after that kills the process. A SIGHUP
// that is ignored, as by nohup, stays so. That nobody reads its output any more does not end it.
//
// The process opens its store before it knows which command it will run. For one that should not, as
// when help is to make no database file, see [MainFunc].
func Main(s *seq.Sequencer) { MainFunc(opened(s)) }

// MainFunc is [Main] for a sequencer that is opened when a command needs one: help, version,
// exit-codes and the scripts of completion need none. The process ends with the command, and closes
// nothing before.
func MainFunc(open func(context.Context) (*seq.Sequencer, error)) {
	signal.Ignore(syscall.SIGPIPE) // "run | head" must not kill an op in the middle
	ctx, stop := signal.NotifyContext(hangUp(context.Background()), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(ExecuteFunc(ctx, open, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// hangUp returns a context that ends at the first SIGHUP, unless it is ignored. Later ones do nothing:
// when a connection drops, the shell and the terminal may each send one.
func hangUp(ctx context.Context) context.Context {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx
	}
	ctx, end := context.WithCancel(ctx)
	hung := make(chan os.Signal, 1)
	signal.Notify(hung, syscall.SIGHUP)
	go func() { <-hung; end() }()
	return ctx
}

// Execute runs the command that args ask for, without the program's name, and returns the exit
// code. Answers go to out, and what went wrong to errs. It exits nothing and handles no signals.
func Execute(ctx context.Context, s *seq.Sequencer, args []string, in io.Reader, out, errs io.Writer) int {
	return ExecuteFunc(ctx, opened(s), args, in, out, errs)
}

// ExecuteFunc is [Execute] for a sequencer that is opened when a command needs one.
func ExecuteFunc(ctx context.Context, open func(context.Context) (*seq.Sequencer, error), args []string, in io.Reader, out, errs io.Writer) int {
	root, name := CommandFunc(open), filepath.Base(os.Args[0])
	root.Use = name
	root.SilenceErrors = true
	root.SetArgs(append([]string{}, args...))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return OK
	}
	code := ExitCode(err)
	if slices.Contains(args, "--json") && !told(err) { // the command line is wrong before it says so
		_ = writeJSON(piped(out), problem(err))
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(errs, "%s: %s\n", name, text)
	}
	return code
}

// Command is the tree of commands on s, to put below one of your own; rename it by setting Use. It
// exits nothing: an error that it returns has its exit code in [ExitCode], and a text that is safe
// to print.
func Command(s *seq.Sequencer) *cobra.Command { return CommandFunc(opened(s)) }

// CommandFunc is [Command] for a sequencer that is opened when a command needs one.
func CommandFunc(open func(context.Context) (*seq.Sequencer, error)) *cobra.Command {
	a := &app{open: open}
	root := &cobra.Command{
		Use:   "seq",
		Short: "Run deploy-time operations, once each, in the right order",
		Long: `Run deploy-time operations, once each, in the right order.

A deploy is "plan", then "run". "status" says how everything stands, "show OP" why an operation
does not move and what can be done about it.`,
		Example: `  {{name}} plan                      # what would happen now
  {{name}} run                       # do it
  {{name}} status                    # how everything stands
  {{name}} show 2024_01_15_120000_fill_names
  {{name}} rollback --dry-run        # what undoing the last run would undo`,
		Version: built().String(),
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}")
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "answer in JSON")
	flags.StringVar(&a.actor, "by", "", "`name` of the person who asks, for the ledger (default $USER)")
	root.AddCommand(
		a.run(), a.plan(), a.pending(), a.wait(), a.due(), a.serve(), a.work(),
		a.status(), a.watching(), a.history(), a.show(), a.doctor(), a.version(),
		a.rollback(), a.retry(), a.skip(), a.resolve(), a.create(),
		a.pause(), a.resume(), a.cancel(), a.set(), a.stop(), a.holding(), a.release(),
		a.adopt(), a.baseline(), a.prune(), a.schema(), a.renewIdentity(), exitCodes(),
	)
	root.SetHelpCommand(topics())
	a.dress(root)
	return root
}

// storeless are the commands that need no sequencer.
var storeless = []string{"version", "help", "exit-codes"}

// opened is a sequencer that is there already.
func opened(s *seq.Sequencer) func(context.Context) (*seq.Sequencer, error) {
	return func(context.Context) (*seq.Sequencer, error) { return s, nil }
}

// dress gives every command what all have in common.
func (a *app) dress(root *cobra.Command) {
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return a.fail(cmd, usage("%w", err)) })
	for _, c := range append(root.Commands(), root) {
		c.SilenceUsage = true
		if args := c.Args; args != nil {
			c.Args = func(cmd *cobra.Command, list []string) error {
				if err := args(cmd, list); err != nil {
					return a.fail(cmd, misspelt(cmd, list, err))
				}
				return nil
			}
		}
		if c.RunE != nil {
			run := c.RunE
			c.RunE = func(cmd *cobra.Command, list []string) error {
				a.path = root.CommandPath()
				cmd.SetOut(piped(cmd.OutOrStdout()))
				if cmd != root && !slices.Contains(storeless, cmd.Name()) {
					if err := a.ready(cmd.Context()); err != nil {
						return a.fail(cmd, err)
					}
				}
				return a.fail(cmd, run(cmd, list))
			}
		}
		c.SetHelpFunc(func(cmd *cobra.Command, _ []string) { help(cmd, root.CommandPath()) })
	}
}

// fail makes an exitError of any error, and writes it if JSON is asked for.
func (a *app) fail(cmd *cobra.Command, err error) error {
	err = plain(cmd.Context(), err)
	if err == nil || !a.json || told(err) {
		return err
	}
	_ = writeJSON(cmd.OutOrStdout(), problem(err))
	return tell(err)
}
