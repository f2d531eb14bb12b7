package seq

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// FromType returns the op that a type with methods stands for. It looks once for the methods
// below, each optional but for Run; from then on the op is data like any other.
//
//	Run(ctx context.Context) error
//	Rollback(ctx context.Context) error
//	RollbackOnFailure() bool
//	DependsOn() []string
//	RenamedFrom() []string
//	Replaces() []string
//	AllowedToFail() bool
//	MaxFailures() int
//	ExecuteAt(now time.Time) time.Time
//	ShouldRun(ctx context.Context) (bool, error)
//	Tags() []string
//	Kind() Kind
//	Delivery() Delivery
//	Verify(ctx context.Context) (applied bool, err error)
//	Retry() Retry
//	Timeout() time.Duration
//	Environments() []string
//
// A method that has one of these names and another signature is a mistake, which Run and Preview
// report.
func FromType(id string, v any) Op {
	op := Op{ID: id}
	var errs []error
	take := func(name string, assign func(method any) bool) {
		m := reflect.ValueOf(v)
		if !m.IsValid() {
			return
		}
		defer func() {
			if p := recover(); p != nil {
				errs = append(errs, fmt.Errorf("method %s of %T panics: %v", name, v, p))
			}
		}()
		if m = m.MethodByName(name); m.IsValid() && !assign(m.Interface()) {
			errs = append(errs, fmt.Errorf("method %s of %T is a %s", name, v, m.Type()))
		}
	}
	take("Run", func(m any) bool { return set(&op.Run, m) })
	take("Rollback", func(m any) bool { return set(&op.Rollback, m) })
	take("ExecuteAt", func(m any) bool { return set(&op.ExecuteAt, m) })
	take("ShouldRun", func(m any) bool { return set(&op.ShouldRun, m) })
	take("Verify", func(m any) bool { return set(&op.Verify, m) })
	take("RollbackOnFailure", func(m any) bool { return answer(&op.RollbackOnFailure, m) })
	take("DependsOn", func(m any) bool { return answer(&op.DependsOn, m) })
	take("RenamedFrom", func(m any) bool { return answer(&op.RenamedFrom, m) })
	take("Replaces", func(m any) bool { return answer(&op.Replaces, m) })
	take("AllowedToFail", func(m any) bool { return answer(&op.AllowedToFail, m) })
	take("MaxFailures", func(m any) bool { return answer(&op.MaxFailures, m) })
	take("Tags", func(m any) bool { return answer(&op.Tags, m) })
	take("Kind", func(m any) bool { return answer(&op.Kind, m) })
	take("Delivery", func(m any) bool { return answer(&op.Delivery, m) })
	take("Retry", func(m any) bool { return answer(&op.Retry, m) })
	take("Timeout", func(m any) bool { return answer(&op.Timeout, m) })
	take("Environments", func(m any) bool { return answer(&op.Environments, m) })
	if op.Run == nil && len(errs) == 0 {
		hint := ""
		if t := reflect.TypeOf(v); t != nil {
			if _, has := reflect.PointerTo(t).MethodByName("Run"); has {
				hint = "; *" + t.String() + " has: pass a pointer"
			}
		}
		errs = append(errs, fmt.Errorf("%T has no method Run(context.Context) error%s", v, hint))
	}
	if len(errs) > 0 {
		op.Err = fmt.Errorf("%w %s: %w", ErrInvalidOp, id, errors.Join(errs...))
	}
	return op
}

// set assigns a method that is kept.
func set[F func(context.Context) error | func(context.Context) (bool, error) | func(time.Time) time.Time](to *F, method any) bool {
	f, ok := method.(F)
	*to = f
	return ok
}

// answer assigns what a method that is asked once says.
func answer[T any](to *T, method any) bool {
	f, ok := method.(func() T)
	if ok {
		*to = f()
	}
	return ok
}
