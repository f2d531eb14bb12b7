package engine

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Task is an op as the engine sees it: data, and the functions beside it. It has exactly the fields
// of seq.Op, where they are documented, so that a pointer to the one converts to a pointer to the
// other; the compiler checks it.
type Task struct {
	ID                string
	Kind              plan.Kind
	Run               func(ctx context.Context) error
	Rollback          func(ctx context.Context) error
	RollbackOnFailure bool
	DependsOn         []string
	RenamedFrom       []string
	Replaces          []string
	Alias             string
	AllowedToFail     bool
	MaxFailures       int
	ExecuteAt         func(now time.Time) time.Time
	ShouldRun         func(ctx context.Context) (bool, error)
	Tags              []string
	Checksum          string
	Delivery          store.Delivery
	DeliveryNote      string
	Connections       int
	Verify            func(ctx context.Context) (applied bool, err error)
	Inspect           func(ctx context.Context, on plan.Inspection) (plan.Details, error)
	Retry             plan.Retry
	Timeout           time.Duration
	Environments      []string
	Background        bool
	Lane              string
	Err               error
}

// describe writes what a task declares into a step of a plan.
func (t *Task) describe(s *plan.Step) {
	s.ID, s.Alias, s.Kind, s.Tags, s.DependsOn = t.ID, t.Alias, t.Kind, t.Tags, t.DependsOn
	s.Delivery, s.DeliveryNote, s.Connections = t.Delivery, t.DeliveryNote, t.Connections
	s.AllowedToFail, s.Reversible, s.Conditional, s.Checksum = t.AllowedToFail, t.Rollback != nil, t.ShouldRun != nil, t.Checksum
	s.Retry, s.Timeout = t.Retry, t.Timeout
}

// A datedTask is a task with the timestamp of its ID, read once.
type datedTask struct {
	task *Task
	at   time.Time
}

// chronologically compares two tasks by timestamp, then by ID. It is the order of everything that has
// no other reason to be ordered.
func chronologically(a, b datedTask) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.task.ID, b.task.ID))
}
