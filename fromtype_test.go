package seq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

type complete struct{}

func (complete) Run(context.Context) error               { return nil }
func (complete) Rollback(context.Context) error          { return nil }
func (complete) RollbackOnFailure() bool                 { return true }
func (complete) DependsOn() []string                     { return []string{"x"} }
func (complete) RenamedFrom() []string                   { return []string{"y"} }
func (complete) AllowedToFail() bool                     { return true }
func (complete) ExecuteAt(now time.Time) time.Time       { return now }
func (complete) ShouldRun(context.Context) (bool, error) { return true, nil }
func (complete) Tags() []string                          { return []string{"t"} }
func (complete) Kind() seq.Kind                          { return seq.Migration }
func (complete) Delivery() seq.Delivery                  { return seq.Once }
func (complete) Verify(context.Context) (bool, error)    { return true, nil }

func (complete) Retry() seq.Retry       { return seq.Retry{Attempts: 2} }
func (complete) Timeout() time.Duration { return time.Second }
func (complete) Environments() []string { return []string{"e"} }

func TestFromTypeTakesEveryMethod(t *testing.T) {
	op := seq.FromType("x", complete{})
	if op.Run == nil || op.Rollback == nil || !op.RollbackOnFailure || len(op.DependsOn) != 1 || len(op.RenamedFrom) != 1 || !op.AllowedToFail || op.ExecuteAt == nil ||
		op.ShouldRun == nil || len(op.Tags) != 1 || op.Kind != seq.Migration || op.Delivery != seq.Once || op.Verify == nil ||
		op.Retry.Attempts != 2 || op.Timeout != time.Second || len(op.Environments) != 1 {
		t.Errorf("something was left out: %+v", op)
	}
}

type mistaken struct{}

func (mistaken) Run() error                     { return nil }
func (mistaken) Rollback(context.Context) error { return nil }
func (mistaken) Tags() string                   { return "t" }

func TestFromTypeTellsMistakes(t *testing.T) {
	for name, v := range map[string]any{"wrong signatures": mistaken{}, "no methods": 7, "nil": nil, "a nil pointer": (*complete)(nil)} {
		_, err := seq.New(store.NewMemory(), seq.FromType(id("a"), v)).Run(t.Context())
		if !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), id("a")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := seq.New(store.NewMemory(), seq.FromType(id("a"), mistaken{})).Preview(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Run") || !strings.Contains(err.Error(), "Tags") {
		t.Errorf("both mistakes are to be named: %v", err)
	}
}
