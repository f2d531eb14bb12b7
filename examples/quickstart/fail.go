package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq"
)

// find returns the ID of the op that -fail means, "" for none.
func find(ctx context.Context, s *seq.Sequencer, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	all, err := s.Preview(ctx, seq.Repeat()) // with what is done already
	if err != nil {
		return "", err
	}
	for _, id := range all.IDs() {
		if _, bare, _ := seq.ParseID(id); name == id || name == bare {
			return id, nil
		}
	}
	hint := "-preview lists them"
	if near := seq.Nearest(name, all.IDs()); near != "" {
		hint = "did you mean " + near + "?"
	}
	return "", &usageError{fmt.Errorf("-fail: no op is called %q; %s", name, hint)}
}

// failing makes one op fail instead of being called. It is as much middleware as the library's.
func failing(id string) seq.Middleware {
	return seq.Middleware{Name: "fail", Layer: seq.LayerCall, Step: func(next seq.Handler) seq.Handler {
		return func(ctx context.Context, call *seq.Call) error {
			if call.Step.Op.ID == id && call.Direction == seq.Forward {
				return errors.New("asked to by -fail")
			}
			return next(ctx, call)
		}
	}}
}
