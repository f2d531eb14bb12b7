package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq/store"
)

func (a *app) prune() *cobra.Command {
	var older age
	var keep store.Retention
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old runs and attempts from the ledger",
		Long: `Remove old runs and attempts from the ledger, in small transactions, beside whatever else goes on. What
something rests on stays, however old: the state of every operation and its last attempt, what is open,
in doubt, failed or to be undone, and runs that are not over. With both flags a run goes that is older
and not one of the newest.`,
		Example: `  {{name}} prune --older-than 90d
  {{name}} prune --older-than 30d --keep-runs 100`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keep.Runs < 0 || !cmd.Flags().Changed("older-than") && !cmd.Flags().Changed("keep-runs") || older == 0 && keep.Runs == 0 {
				return usage("say what stays: --older-than 90d, --keep-runs 100, or both")
			}
			keep.Age = time.Duration(older)
			done, err := a.s.Prune(cmd.Context(), keep)
			out := cmd.OutOrStdout()
			switch {
			case a.json:
				answer := map[string]any{"attempts": done.Attempts, "runs": done.Runs}
				if err != nil {
					answer["error"] = err.Error()
				}
				err = errors.Join(err, writeJSON(out, answer))
			case err != nil && done != (store.Pruned{}):
				fmt.Fprintf(out, "removed %s and %s before it ended\n", counted(done.Attempts, "attempt"), counted(done.Runs, "run"))
			case err == nil:
				fmt.Fprintf(out, "removed %s and %s\n", counted(done.Attempts, "attempt"), counted(done.Runs, "run"))
			}
			return err
		},
	}
	cmd.Flags().Var(&older, "older-than", "remove what ended longer ago than this `time`, as 90d or 12h")
	cmd.Flags().IntVar(&keep.Runs, "keep-runs", 0, "keep the newest `n` runs whatever their age")
	return cmd
}

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the statements that create the ledger's tables",
		Long: `Print the statements that the first run executes to create the ledger's tables, and no others. Run them
as a role that may create tables, where the one of the service may not. It does not look at the database.`,
		Example: `  {{name}} schema | psql "$ADMIN_URL"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, ok := store.As[interface{ DDL() string }](a.s.Store())
			if !ok {
				return &exitError{code: Refused, err: fmt.Errorf("the ledger, a %T, has no tables", a.s.Store())}
			}
			if a.json {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"ddl": s.DDL()})
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), s.DDL())
			return err
		},
	}
}

func (a *app) renewIdentity() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "renew-identity",
		Short: "Tell a copied ledger that it is a copy",
		Long: `Give the ledger an identity of its own. Say this on a database that is a copy of another, before the first
run there: until then both give their operations the same idempotency keys, and a partner takes the
copy's requests for repeated ones of the original. Never say it on the original.`,
		Example: `  {{name}} renew-identity --yes`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				return usage("this changes the idempotency keys of everything that has not succeeded; say --yes if this database is a copy")
			}
			if err := a.s.RenewIdentity(cmd.Context()); err != nil {
				return err
			}
			if a.json {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"renewed": true})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "the ledger has an identity of its own")
			return err
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "this database is a copy")
	return cmd
}

// age is a time that may be given in days.
type age time.Duration

func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return span(time.Duration(*a))
}

func (*age) Type() string { return "time" }

func (a *age) Set(text string) error {
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.ParseUint(days, 10, 16)
		*a = age(time.Duration(n) * 24 * time.Hour)
		if err != nil {
			return errors.New("want a number of days, as 90d")
		}
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("want a time, as 90d or 12h")
	}
	*a = age(d)
	return nil
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
