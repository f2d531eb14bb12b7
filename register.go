package seq

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

var registry struct {
	mu  sync.Mutex
	ops []Op
	at  map[string][]string // by ID: the files and lines that registered it
}

// Register adds ops to the default registry, from which [New] takes them when it is given none.
// Call it from an init function, as database/sql drivers do. An empty ID is taken from the name
// of the file that calls Register, without ".go": 2024_01_15_120000_migrate_users.go. (Go itself
// gives file names that end in _test, or in an operating system or architecture, a meaning.)
// What is wrong with an op is reported by Run and Preview.
func Register(ops ...Op) {
	_, file, line, _ := runtime.Caller(1)
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.at == nil {
		registry.at = map[string][]string{}
	}
	for i, op := range ops {
		if op.ID == "" {
			op.ID = strings.TrimSuffix(filepath.Base(file), ".go")
			if i > 0 || op.ID == "." {
				op.Err = fmt.Errorf("%w: several ops without an ID in one call of Register, %s:%d", ErrInvalidOp, filepath.Base(file), line)
			}
		}
		registry.ops = append(registry.ops, op)
		registry.at[op.ID] = append(registry.at[op.ID], fmt.Sprintf("%s:%d", filepath.Base(file), line))
	}
}

// Registered returns copies of the ops that were registered so far, to be passed to [New] beside
// others.
func Registered() []Op {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return append([]Op(nil), registry.ops...)
}

// registeredAt says where a duplicate comes from, if the registry knows.
func registeredAt(id string) string {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if at := registry.at[id]; len(at) > 0 {
		return " (" + strings.Join(at, " and ") + ")"
	}
	return ""
}
