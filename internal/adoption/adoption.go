// Package adoption lets a command line offer to take over what other tools have applied, without
// linking what reads their tables: package migrate registers its sources here.
package adoption

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sequencer-go/seq"
)

// A Tool is another tool whose table can be read.
type Tool struct {
	Name  string
	Table string // its usual one
	// Adopt takes over what the table has, "" being the usual one, with the options of Sequencer.Import.
	Adopt func(ctx context.Context, s *seq.Sequencer, table string, opts ...seq.RunOption) (Result, error)
}

// A Result is what was taken over.
type Result struct {
	Imported, Unknown []string
	NoTable           bool
	Text              string // for people
}

var (
	mu    sync.Mutex
	tools []Tool
)

// Register adds a tool.
func Register(t Tool) {
	mu.Lock()
	defer mu.Unlock()
	tools = append(tools, t)
}

// Tools are those that were registered, by name.
func Tools() []Tool {
	mu.Lock()
	defer mu.Unlock()
	sorted := slices.Clone(tools)
	slices.SortFunc(sorted, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}
