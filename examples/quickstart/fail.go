package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/middleware"
)

// find returns the ID of the op that -fail means, "" for none.
func find(s *seq.Sequencer, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	var ids []string
	for _, op := range s.Ops() {
		if _, bare, _ := seq.ParseID(op.ID); name == op.ID || name == bare {
			return op.ID, nil
		}
		ids = append(ids, op.ID)
	}
	hint := "status lists them"
	if near := ident.Nearest(name, ids); near != "" {
		hint = "did you mean " + near + "?"
	}
	return "", fmt.Errorf("-fail: no op is called %q; %s", name, hint)
}

// failing makes one op fail instead of being called. It is as much middleware as the library's.
func failing(id string) middleware.Middleware {
	return middleware.Middleware{Name: "fail", Layer: middleware.LayerCall, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			if call.Step.ID == id && call.Direction == seq.Forward {
				return errors.New("asked to by -fail")
			}
			return next(ctx, call)
		}
	}}
}
