package seq

import (
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"slices"
	"strings"
)

// An Import is what another tool's ledger says has been done already.
type Import struct {
	// Origin names the tool and where it keeps its record, as "goose: table goose_db_version". It
	// becomes the strategy of the run that the ops belong to from then on.
	Origin string
	// IDs are the ops, in the order in which they were done. They must be registered, because what
	// is imported may be rolled back.
	IDs []string
}

// Import records ops as succeeded without calling them, in one transaction, and returns the IDs of
// those it recorded: an op that the ledger knows already stays as it is, unless it failed, so
// importing twice changes nothing. An ID that is not registered is an error that matches [ErrInvalidOption], and then
// nothing is recorded. With [DryRun] it writes nothing and returns what it would record.
func (s *Sequencer) Import(ctx context.Context, in Import, opts ...RunOption) ([]string, error) {
	s, sel, err := s.with(opts)
	if err == nil {
		err = s.catalog().err
	}
	if err != nil {
		return nil, err
	}
	if in.Origin == "" {
		return nil, fmt.Errorf("%w: Import: want an origin", ErrInvalidOption)
	}
	if sel.dry {
		entries, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		marks, err := s.imports(in, entries, "")
		return markIDs(marks), err
	}
	defer s.announcer.flush()
	j := &journal{store: s.store, run: sel.newRun("import " + in.Origin)}
	j.run.State = RunSucceeded
	ctx, drop, err := s.take(ctx, j, sel)
	if err != nil {
		return nil, err
	}
	defer drop()
	entries, err := j.entries(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := s.imports(in, entries, j.run.ID)
	if err != nil || len(marks) == 0 {
		return nil, err
	}
	run := j.run
	refused, err := j.write(store.Batch{Marks: marks, Run: &run})
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("%w: %s", ErrFenced, strings.Join(refused, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return markIDs(marks), nil
}

// DryRun makes Import only say what it would do. (For Run and Rollback there are Preview and
// PreviewRollback.)
func DryRun() RunOption { return func(s *selection) { s.dry = true } }

// imports are the marks that record what the ledger does not know.
func (s *Sequencer) imports(in Import, entries map[string]*store.Entry, run string) ([]store.Mark, error) {
	var errs []error
	var marks []store.Mark
	c := s.catalog()
	for i, id := range in.IDs {
		at, known := c.index[id]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("%w: Import: %s is not registered%s", ErrInvalidOption, quoted(id), c.didYouMean(id)))
		case slices.Contains(in.IDs[:i], id):
		case importable(entries[id]):
			var attempt int
			if e := entries[id]; e != nil {
				attempt = e.Attempt
			}
			marks = append(marks, store.Mark{
				ID: id, Attempt: attempt, State: Succeeded, Run: run, Seq: int64(i) + 1, Checksum: c.ops[at].op.Checksum,
				Reason: store.ErrorText(errors.New("imported from " + in.Origin)),
			})
		}
	}
	return marks, errors.Join(errs...)
}

// importable reports whether what the ledger knows of an op leaves room for another's word. That it
// failed does: it does so where the other tool's work stands in its way.
func importable(e *store.Entry) bool {
	return e == nil || e.State == Failed || e.State == Pending && e.Attempt == 0
}

func markIDs(marks []store.Mark) []string {
	ids := make([]string, len(marks))
	for i := range marks {
		ids[i] = marks[i].ID
	}
	return ids
}
