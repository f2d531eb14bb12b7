package bunstore

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sequencer-go/seq/store"
)

const selectAttempts = `SELECT number, direction, run, host, pid, revision, actor, started, finished, state, lost, error
	FROM ?attempts WHERE ns = ?ns AND id = ? ORDER BY number`

// History implements [store.Store].
func (s *Store) History(ctx context.Context, id string) ([]store.Attempt, error) {
	var attempts []store.Attempt
	err := s.read(ctx, "attempts", func(r *row) error {
		a := store.Attempt{
			ID:       id,
			Number:   int(r.number(0)),
			Run:      r.text(2),
			Owner:    r.owner(3),
			Started:  r.time(7),
			Finished: r.time(8),
			Lost:     r.truth(10),
			Error:    r.text(11),
		}
		var err error
		if a.Direction, err = store.ParseDirection(r.text(1)); err != nil {
			return fmt.Errorf("op %q, attempt %d: %w", id, a.Number, err)
		}
		if a.State, err = store.ParseState(r.text(9)); err != nil {
			return fmt.Errorf("op %q, attempt %d: %w", id, a.Number, err)
		}
		attempts = append(attempts, a)
		return nil
	}, selectAttempts, id)
	if err != nil {
		return nil, err
	}
	return attempts, nil
}

const selectRuns = `SELECT id, strategy, state, host, pid, revision, actor, epoch, started, finished, reason
	FROM ?runs WHERE ns = ?ns ORDER BY number DESC LIMIT ?`

// Runs implements [store.Store].
func (s *Store) Runs(ctx context.Context, limit int) ([]store.Run, error) {
	var runs []store.Run
	err := s.read(ctx, "runs", func(r *row) error {
		run := store.Run{
			ID:       r.text(0),
			Strategy: r.text(1),
			Owner:    r.owner(3),
			Epoch:    r.number(7),
			Started:  r.time(8),
			Finished: r.time(9),
			Reason:   r.text(10),
		}
		var err error
		if err = readable(run.ID); err != nil {
			return fmt.Errorf("run %.100q: %w", run.ID, err)
		}
		if run.State, err = store.ParseRunState(r.text(2)); err != nil {
			return fmt.Errorf("run %q: %w", run.ID, err)
		}
		runs = append(runs, run)
		return nil
	}, selectRuns, max(limit, 0))
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// readable refuses IDs that this library cannot have written, and could not write again.
func readable(ids ...string) error {
	for _, id := range ids {
		if !printable(id) && (strings.ContainsFunc(id, unicode.IsControl) || !utf8.ValidString(id)) {
			return fmt.Errorf("%w: ID %.100q", store.ErrUnknownValue, id)
		}
	}
	return nil
}

// printable reports whether text is of ASCII's letters, digits and signs only, as IDs mostly are.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// read reads from a table, and nothing if the ledger does not exist yet.
func (s *Store) read(ctx context.Context, table string, each func(*row) error, query string, args ...any) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	err := s.scan(ctx, s.db, each, query, args...)
	if missingTable(err) {
		if s.absent(ctx, err) {
			return nil
		}
		err = s.scan(ctx, s.db, each, query, args...) // somebody has just created it
	}
	return s.explain(ctx, "table "+s.table(table), err)
}
