package seqotel

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// exception describes an error that made an op fail, by the semantic conventions.
func exception(err error) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.ExceptionMessage(store.ErrorText(err)), semconv.ExceptionType(kind(cause(err)))}
}

// handled describes an error that did not.
func handled(err error) []attribute.KeyValue {
	return []attribute.KeyValue{errorType(err), attribute.String("error.message", store.ErrorText(cause(err)))}
}

func errorType(err error) attribute.KeyValue { return semconv.ErrorTypeKey.String(kind(err)) }

// kinds are the errors that have a name of their own. What comes first counts: a panic of an op
// whose context had ended is a panic.
var kinds = []struct {
	is   error
	name string
}{
	{seq.ErrPanic, "panic"},
	{seq.ErrIndeterminate, "indeterminate"},
	{store.ErrLeaseLost, "lease_lost"},
	{store.ErrFenced, "lease_lost"},
	{store.ErrUnknownOutcome, "unknown_outcome"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// kind is the value of error.type: of few different ones, and stable from one release of an op to the next.
func kind(err error) string {
	var state interface{ SQLState() string } // of pgx and of lib/pq
	if errors.As(err, &state) && state.SQLState() != "" {
		return state.SQLState()
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.name
		}
	}
	var code interface {
		error
		Code() int
	}
	if errors.As(err, &code) && strings.Contains(fmt.Sprintf("%T", code), "sqlite") {
		return fmt.Sprintf("sqlite.%d", code.Code())
	}
	return typeOf(cause(err))
}

// typeOf is the type of the first error in the chain whose type says something. Those that the standard
// library wraps texts in do not.
func typeOf(err error) string {
	for err != nil {
		switch name := fmt.Sprintf("%T", err); name {
		case "*fmt.wrapError", "*errors.errorString", "*fmt.wrapErrors", "*errors.joinError", "verdict.permanent", "*verdict.permanent":
		default:
			return name
		}
		if many, is := err.(interface{ Unwrap() []error }); is && len(many.Unwrap()) > 0 {
			err = many.Unwrap()[0]
			continue
		}
		err = errors.Unwrap(err)
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

// cause is what the op returned: its type says more than that of what the sequencer wrapped it in.
func cause(err error) error {
	if op := (*seq.OpError)(nil); errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
