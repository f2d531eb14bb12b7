package strategies

import (
	"fmt"
	"os"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/ident"
)

// EnvVar is the environment variable that [FromEnv] reads.
const EnvVar = "SEQUENCER_ORCHESTRATOR"

// table is every strategy by name, in the order of [Names].
var table = []struct {
	name string
	make func(...Option) seq.Strategy
}{
	{"sequential", Sequential},
	{"batch", Batch},
	{"transactional-batch", TransactionalBatch},
	{"allowed-to-fail-batch", AllowedToFailBatch},
	{"dependency-graph", DependencyGraph},
	{"scheduled", Scheduled},
}

// Names are the names that [Named] knows.
func Names() []string {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].name
	}
	return names
}

// Named returns the strategy of that name: sequential, batch, transactional-batch,
// allowed-to-fail-batch, dependency-graph or scheduled. Case, hyphens and underscores do not
// matter, so TransactionalBatch will do. Any other name is an error that matches
// [seq.ErrUnknownValue] and says which was probably meant.
func Named(name string, opts ...Option) (seq.Strategy, error) {
	for i := range table {
		if bare(table[i].name) == bare(name) {
			return table[i].make(opts...), nil
		}
	}
	hint := "one of " + strings.Join(Names(), ", ")
	if near := ident.Nearest(name, Names()); near != "" {
		hint = "did you mean " + near + "? There are " + strings.Join(Names(), ", ")
	}
	return seq.Strategy{}, fmt.Errorf("%w: strategy %q; %s", seq.ErrUnknownValue, name, hint)
}

func bare(name string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(strings.TrimSuffix(name, "Orchestrator")))
}

// FromEnv returns the strategy that the environment variable SEQUENCER_ORCHESTRATOR names,
// Sequential if it is empty or not set.
func FromEnv(opts ...Option) (seq.Strategy, error) {
	name := os.Getenv(EnvVar)
	if name == "" {
		return Sequential(opts...), nil
	}
	s, err := Named(name, opts...)
	if err != nil {
		return s, fmt.Errorf("%s: %w", EnvVar, err)
	}
	return s, nil
}
