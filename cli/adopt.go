package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/adoption"
	"github.com/sequencer-go/seq/internal/ident"
)

func (a *app) adopt() *cobra.Command {
	var table string
	var dry bool
	var names []string
	for _, t := range adoption.Tools() {
		names = append(names, t.Name)
	}
	cmd := &cobra.Command{
		Use:   "adopt TOOL",
		Short: "Take over what another migration tool has applied",
		Long: `Record as done what another migration tool has applied to the database, going by its own table, so that
nothing of it runs again. The table is only read. It may be called at every start: what is recorded already
stays as it is, and in a new database, without such a table, nothing is adopted.

TOOL is goose, bun, golang-migrate, or laravel.`,
		Example: `  {{name}} adopt goose --dry-run
  {{name}} adopt golang-migrate --table my_schema.migrations`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			tools := adoption.Tools()
			if len(tools) == 0 {
				return usage(`this program has no migrations in SQL; import _ "github.com/sequencer-go/seq/migrate" where it should adopt those of another tool`)
			}
			for _, t := range tools {
				if t.Name != args[0] {
					continue
				}
				opts := []seq.RunOption{seq.By(a.by())}
				if dry {
					opts = append(opts, seq.DryRun())
				}
				done, err := t.Adopt(cmd.Context(), a.s, table, opts...)
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if a.json {
					return writeJSON(out, map[string]any{"adopted": notNil(done.Imported), "unknown": notNil(done.Unknown), "no_table": done.NoTable, "dry_run": dry})
				}
				fmt.Fprint(out, would(dry), done.Text)
				return nil
			}
			if near := ident.Nearest(args[0], names); near != "" {
				return usage("there is no tool %q; did you mean %s?", args[0], near)
			}
			return usage("there is no tool %q; want %s", args[0], strings.Join(names, ", "))
		},
	}
	f := cmd.Flags()
	f.StringVar(&table, "table", "", "the other tool's `table`, if it is not the usual one")
	f.BoolVar(&dry, "dry-run", false, "say what would be adopted and write nothing")
	return cmd
}

func (a *app) baseline() *cobra.Command {
	var dry bool
	var to, reason string
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Record all migrations as done, without running them",
		Long: `Record every migration of the code as done, without running it: for a database that was made from a dump
of the schema. Operations are left alone, and so is what the ledger knows already.`,
		Example: `  {{name}} baseline --dry-run
  {{name}} baseline --to 000093_x --reason "restored from the dump of Monday"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var last string
			if cmd.Flags().Changed("to") {
				id, err := a.find(cmd.Context(), to)
				if err != nil {
					return err
				}
				last = id
			}
			ids := []string{}
			for _, op := range a.s.Ops() {
				if op.Kind == seq.Migration {
					ids = append(ids, op.ID)
				}
				if op.ID == last {
					break
				}
			}
			opts := []seq.RunOption{seq.By(a.by()), seq.Because(reason)}
			if dry {
				opts = append(opts, seq.DryRun())
			}
			done, err := a.s.Import(cmd.Context(), seq.Import{Origin: "baseline", IDs: ids}, opts...)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if a.json {
				return writeJSON(out, map[string]any{"recorded": notNil(done), "dry_run": dry})
			}
			fmt.Fprintf(out, "%s%s recorded as done\n", would(dry), number(len(done), "migration"))
			for _, id := range done {
				fmt.Fprintf(out, "  %s\n", id)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&dry, "dry-run", false, "say what would be recorded and write nothing")
	f.StringVar(&to, "to", "", "the last `migration` to record; all if you do not say")
	reasonFlag(cmd, &reason)
	_ = cmd.RegisterFlagCompletionFunc("to", a.completeOps)
	return cmd
}

// would begins what a dry run says.
func would(dry bool) string {
	if dry {
		return "dry run: "
	}
	return ""
}

// notNil is never null in JSON.
func notNil(ids []string) []string { return append([]string{}, ids...) }
