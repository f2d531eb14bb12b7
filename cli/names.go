package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/strategies"
)

// find is the ID that a person means: an ID that code or ledger know, one without its timestamp, or
// the name of a migration's file.
func (a *app) find(ctx context.Context, name string) (string, error) {
	st, err := a.s.Status(ctx)
	if err != nil {
		return "", err
	}
	var ids, same []string
	for i := range st.Ops {
		id := st.Ops[i].ID
		if id == name {
			return id, nil
		}
		if st.Ops[i].Alias == name {
			same = append(same, id)
			continue
		}
		if _, bare, err := seq.ParseID(id); err == nil && bare == name {
			same = append(same, id)
		}
		ids = append(ids, id)
	}
	switch {
	case len(same) == 1:
		return same[0], nil
	case len(same) > 1:
		return "", usage("%q could be any of %s", name, strings.Join(same, ", "))
	}
	hint := "status lists those there are"
	if near := ident.Nearest(name, ids); near != "" {
		hint = "did you mean " + near + "?"
	}
	return "", usage("neither the code nor the ledger knows the operation %q; %s", name, hint)
}

// names are the names of files that a number became an ID of, by ID.
type names map[string]string

func (a *app) names() names {
	n := names{}
	for _, op := range a.s.Ops() {
		if op.Alias != "" && op.Alias != op.ID {
			n[op.ID] = op.Alias
		}
	}
	return n
}

// of is an ID as a person is shown it, with the name of the file.
func (n names) of(id string) string {
	if n[id] == "" {
		return brief(id)
	}
	return brief(id) + " (" + brief(n[id]) + ")"
}

// op is how one op stands.
func (a *app) op(ctx context.Context, id string) (*seq.OpStatus, *seq.Status, error) {
	st, err := a.s.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range st.Ops {
		if st.Ops[i].ID == id {
			return &st.Ops[i], st, nil
		}
	}
	return nil, st, usage("the operation %q is gone", id)
}

// knowTags refuses tags that no op has: a misspelt one would choose nothing, silently.
func (a *app) knowTags(tags []string) error {
	known := a.tags()
	for _, t := range tags {
		if slices.Contains(known, t) {
			continue
		}
		hint := "no operation has tags"
		if len(known) > 0 {
			hint = "there are " + strings.Join(known, ", ")
		}
		return usage("no operation has the tag %q; %s", t, hint)
	}
	return nil
}

func (a *app) tags() []string {
	var all []string
	for _, op := range a.s.Ops() {
		all = append(all, op.Tags...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *app) completeTags(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	if a.ready(ctx) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveError
	}
	return a.tags(), cobra.ShellCompDirectiveNoFileComp
}

// A filter says which ops a command can do something with; nil is all.
type filter func(o *seq.OpStatus) bool

// completeOps offers the ops that code and ledger know.
func (a *app) completeOps(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.offer(nil)(cmd, args, typed)
}

// offer completes the ops of a filter, each with its state: by ID, or by name without timestamp once
// something is typed that no ID begins with. In a list with commas it completes the last one.
func (a *app) offer(legal filter) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		fail := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveError
		if a.ready(ctx) != nil {
			return nil, fail
		}
		st, err := a.s.Status(ctx)
		if err != nil {
			return nil, fail
		}
		before := ""
		if i := strings.LastIndexByte(typed, ','); i >= 0 {
			before, typed = typed[:i+1], typed[i+1:]
		}
		same := map[string]int{}
		for i := range st.Ops {
			same[bareName(st.Ops[i].ID)]++
		}
		var ids []string
		for i := range st.Ops {
			o := &st.Ops[i]
			if legal != nil && !legal(o) || slices.Contains(args, o.ID) || slices.Contains(args, bareName(o.ID)) {
				continue
			}
			id := o.ID
			if bare := bareName(id); typed != "" && !strings.HasPrefix(id, typed) && same[bare] == 1 {
				id = bare
			}
			if strings.HasPrefix(id, typed) {
				ids = append(ids, before+id+"\t"+o.State.String())
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

// bareName is an ID without its timestamp.
func bareName(id string) string {
	if _, name, err := seq.ParseID(id); err == nil && name != "" {
		return name
	}
	return id
}

// completeOp is completeOps for one argument.
func (a *app) completeOp(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.offerOne(nil)(cmd, args, typed)
}

// offerOne is offer for one argument.
func (a *app) offerOne(legal filter) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offer(legal)(cmd, args, typed)
	}
}

// strategy is the one that a person names; nothing if they name none.
func strategy(name string) ([]seq.RunOption, error) {
	if name == "" {
		return nil, nil
	}
	st, err := strategies.Named(name)
	if err != nil {
		return nil, usage("--strategy: %w", err)
	}
	return []seq.RunOption{seq.Using(st)}, nil
}

func strategyFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "strategy", "", "`name` of the strategy instead of the program's own: "+strings.Join(strategies.Names(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("strategy", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return strategies.Names(), cobra.ShellCompDirectiveNoFileComp
	})
}
