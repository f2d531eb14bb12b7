package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq/internal/ident"
)

// help is cobra's own, with what a person really types in the examples.
func help(cmd *cobra.Command, path string) {
	text := strings.TrimSpace(cmd.Long)
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
	if !cmd.Runnable() && !cmd.HasSubCommands() {
		return
	}
	fmt.Fprint(cmd.OutOrStdout(), "\n", strings.ReplaceAll(cmd.UsageString(), "{{name}}", path))
	if !cmd.HasParent() || cmd.HasSubCommands() {
		fmt.Fprint(cmd.OutOrStdout(), "\n", exitText)
	}
}

// misspelt says of a wrong number of arguments, or a command nobody knows, what was meant.
func misspelt(cmd *cobra.Command, list []string, err error) error {
	if cmd.HasSubCommands() && len(list) > 0 {
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		hint := "--help lists the commands"
		if near := ident.Nearest(list[0], names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return usage("there is no command %q; %s", list[0], hint)
	}
	if cmd.ValidArgsFunction == nil && len(list) > 0 { // it takes none
		return misplaced(cmd, list[0])
	}
	return usage("%w; usage: %s", err, strings.TrimSpace(cmd.UseLine()))
}

// misplaced says that a command does not take an argument.
func misplaced(cmd *cobra.Command, arg string) error {
	hint := ""
	if cmd.Flags().Changed("isolate") && slices.Contains(isolations, arg) {
		hint = "; write --isolate=" + arg
	}
	return usage("%s takes no %q beside its flags%s", cmd.Name(), arg, hint)
}

// topics is cobra's help command, but for a command that nobody knows.
func topics() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Parent().Find(args)
			if err != nil || len(rest) > 0 {
				return misspelt(cmd.Parent(), args, err)
			}
			return about.Help()
		},
	}
}

func exitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "Exit codes, for scripts", Long: exitText}
}
