package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// A Decision is what a person says of an op.
type Decision struct {
	Call string // the name of the call, for its errors
	ID   string
	Note string // for the op's history
	// To is the state that the op gets, going by what the ledger says of it; an error refuses.
	To func(e *store.Entry) (store.State, error)
}

// Decide writes what a person decided into the ledger, as an attempt of its own.
func (e *Engine) Decide(ctx context.Context, req *Request, d Decision) error {
	defer e.Watchers.Flush()
	doing := d.Call + " " + ident.Quoted(d.ID)
	ctx, s, err := e.open(ctx, req.run(""), req.IfLeased)
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	entries, err := s.Entries(ctx)
	if err != nil {
		return err
	}
	entry := e.Catalog.entry(entries, d.ID)
	if entry == nil {
		if _, known := e.Catalog.index[d.ID]; !known {
			return fmt.Errorf("%w: %s: neither the code nor the ledger knows it%s", ErrInvalidOption, doing, e.Catalog.didYouMean(d.ID))
		}
		entry = &store.Entry{ID: e.Catalog.dated(d.ID).task.ID}
	}
	state, err := d.To(entry)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalidOption, doing, err)
	}
	return decide(ctx, s, entry, state, d.Note)
}

// decide writes an attempt that opens and closes at once.
func decide(ctx context.Context, s *ledger.Session, e *store.Entry, to store.State, note string) error {
	r := &ledger.Records{}
	token := store.NewToken()
	r.Claim[0] = store.Claim{
		ID: e.ID, Token: token, Direction: store.ByHand, Run: e.Run, Delivery: e.Delivery,
		Generation: e.Generation, Attempt: e.Attempt + 1, Owner: s.Run.Owner, Checksum: e.Checksum,
	}
	err := s.Claim(ctx, r)
	if err == nil {
		r.Outcome[0] = store.Outcome{ID: e.ID, Token: token, State: to, Error: store.ErrorText(errors.New(note))}
		_, err = s.Settle(ctx, r, nil)
	}
	if err != nil {
		return fmt.Errorf("resolve %s: %w", e.ID, err)
	}
	return nil
}

// An Import is what another tool's ledger says has been done already.
type Import struct {
	Origin string
	IDs    []string
	DryRun bool
}

// Import records ops as succeeded without calling them, in one transaction, and returns the IDs of
// those that it recorded.
func (e *Engine) Import(ctx context.Context, req *Request, in Import) ([]string, error) {
	if err := e.Catalog.err; err != nil {
		return nil, err
	}
	if in.Origin == "" {
		return nil, fmt.Errorf("%w: Import: want an origin", ErrInvalidOption)
	}
	if in.DryRun {
		r, err := e.Full(ctx)
		if err != nil {
			return nil, err
		}
		marks, err := e.importMarks(in, r.entries, "")
		return markIDs(marks), err
	}
	defer e.Watchers.Flush()
	ctx, s, err := e.open(ctx, req.run("import "+in.Origin), req.IfLeased)
	if err != nil {
		return nil, err
	}
	defer s.Close(ctx)
	entries, err := s.Entries(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := e.importMarks(in, entries, s.Run.ID)
	if err != nil || len(marks) == 0 {
		return nil, err
	}
	run := s.Run
	run.State = store.RunSucceeded
	refused, err := s.Write(store.Batch{Marks: marks, Run: &run})
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("%w: %s", store.ErrFenced, strings.Join(refused, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return markIDs(marks), nil
}

// importMarks are the marks that record what the ledger does not know.
func (e *Engine) importMarks(in Import, entries map[string]*store.Entry, run string) ([]store.Mark, error) {
	var errs []error
	var marks []store.Mark
	for i, id := range in.IDs {
		t := e.Catalog.find(id)
		switch {
		case t == nil:
			errs = append(errs, e.Catalog.notRegistered("Import", id))
		case slices.Contains(in.IDs[:i], id):
		case importable(e.Catalog.entry(entries, id)):
			var attempt int
			if entry := e.Catalog.entry(entries, id); entry != nil {
				id, attempt = entry.ID, entry.Attempt
			}
			marks = append(marks, store.Mark{
				ID: id, Attempt: attempt, State: store.Succeeded, Run: run, Seq: int64(i) + 1, Checksum: t.Checksum,
				Reason: store.ErrorText(errors.New("imported from " + in.Origin)),
			})
		}
	}
	return marks, errors.Join(errs...)
}

// importable reports whether what the ledger knows of an op leaves room for another's word. That it
// failed does: it does so where the other tool's work stands in its way.
func importable(e *store.Entry) bool {
	return e == nil || e.State == store.Failed || e.State == store.Pending && e.Attempt == 0
}

func markIDs(marks []store.Mark) []string {
	ids := make([]string, len(marks))
	for i := range marks {
		ids[i] = marks[i].ID
	}
	return ids
}
