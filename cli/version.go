package cli

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq/store"
)

// layout is the version of the ledger's tables that this library makes, and the newest that it reads.
const layout = 3

// module is the path of the library's modules.
const module = "github.com/sequencer-go/seq"

// A versionView is what the binary was built from.
type versionView struct {
	Program  string            `json:"program"` // the module of the main package
	Version  string            `json:"version"`
	Revision string            `json:"revision,omitempty"`
	Go       string            `json:"go"`
	Modules  map[string]string `json:"modules"` // of this library
	Schema   int               `json:"schema"`
}

func built() versionView {
	v := versionView{Revision: store.ThisProcess().Revision, Modules: map[string]string{}, Schema: layout}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Program, v.Version, v.Go = info.Main.Path, info.Main.Version, info.GoVersion
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != module && !strings.HasPrefix(m.Path, module+"/") {
			continue
		}
		version := m.Version
		if m.Replace != nil {
			version = or(m.Replace.Version, "(devel)")
		}
		v.Modules[m.Path] = version
	}
	return v
}

// String is a fact a line.
func (v versionView) String() string {
	var b strings.Builder
	line := func(what, version string) {
		if what != "" {
			fmt.Fprintf(&b, "%s %s\n", clean(what), clean(or(version, "(devel)")))
		}
	}
	line(v.Program, v.Version)
	if v.Program != module {
		line(module, or(v.Modules[module], "unknown"))
	}
	line("revision", or(v.Revision, "unknown"))
	line("built with", v.Go)
	line("ledger schema", strconv.Itoa(v.Schema))
	return b.String()
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say what this program was built from",
		Long: `Say what this program was built from: its module and version, that of seq, the revision, and the
version of the ledger's tables that it makes. It needs no database; doctor says which version the database has.`,
		Example: `  {{name}} version
  {{name}} version --json | jq -r .revision`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json {
				return writeJSON(cmd.OutOrStdout(), built())
			}
			fmt.Fprint(cmd.OutOrStdout(), built())
			return nil
		},
	}
}
