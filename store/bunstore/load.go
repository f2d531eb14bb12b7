package bunstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sequencer-go/seq"
)

// Most entries are of ops that were done at the first attempt. What they have in common is left out of
// the answer, as NULL, which neither the driver nor the reader has to make a value of.
const selectOps = `SELECT id, nullif(state, ?), run, nullif(delivery, ?), nullif(generation, 1), nullif(attempt, 1), nullif(crashes, 0), token,
		fence, seq, not_before, saved, nullif(error, ''), nullif(checksum, ''), nullif(done, 0), nullif(total, 0)
	FROM ?ops WHERE ns = ?ns`

// Load implements [seq.Store].
func (s *Store) Load(ctx context.Context) ([]seq.Entry, error) {
	var blocks [][]seq.Entry // one long slice that grows would be copied again and again
	err := s.read(ctx, "ops", func(r *row) error {
		e := seq.Entry{
			ID:         r.text(0),
			State:      seq.Succeeded,
			Run:        r.text(2),
			Generation: int(r.numberOr(4, 1)),
			Attempt:    int(r.numberOr(5, 1)),
			Crashes:    int(r.number(6)),
			Fence:      r.number(8),
			Seq:        r.number(9),
			NotBefore:  r.time(10),
			Saved:      r.bytes(11),
			Error:      r.text(12),
			Checksum:   r.text(13),
			Done:       r.number(14),
			Total:      r.number(15),
		}
		var err error
		if err = readable(e.ID, e.Run); err != nil {
			return fmt.Errorf("op %.100q: %w", e.ID, err)
		}
		if r.values[1] != nil {
			if e.State, err = seq.ParseState(r.text(1)); err != nil {
				return fmt.Errorf("op %q: %w", e.ID, err)
			}
		}
		if r.values[3] != nil {
			if e.Delivery, err = seq.ParseDelivery(r.text(3)); err != nil {
				return fmt.Errorf("op %q: %w", e.ID, err)
			}
		}
		if e.Token, err = seq.ParseToken(r.text(7)); err != nil {
			return fmt.Errorf("op %q: %w", e.ID, err)
		}
		if e.State.Open() && e.Token.IsZero() {
			return fmt.Errorf("%w: op %q is %s, and has no token", seq.ErrUnknownValue, e.ID, e.State)
		}
		last := len(blocks) - 1
		if last < 0 || len(blocks[last]) == cap(blocks[last]) {
			blocks = append(blocks, make([]seq.Entry, 0, min(32<<max(last, 0), 4096)))
			last++
		}
		blocks[last] = append(blocks[last], e)
		return nil
	}, selectOps, seq.Succeeded.String(), seq.Repeatable.String())
	if err != nil {
		return nil, err
	}
	return slices.Concat(blocks...), nil
}

const selectAttempts = `SELECT number, direction, run, host, pid, revision, actor, started, finished, state, lost, error
	FROM ?attempts WHERE ns = ?ns AND id = ? ORDER BY number`

// History implements [seq.Store].
func (s *Store) History(ctx context.Context, id string) ([]seq.Attempt, error) {
	var attempts []seq.Attempt
	err := s.read(ctx, "attempts", func(r *row) error {
		a := seq.Attempt{
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
		if a.Direction, err = seq.ParseDirection(r.text(1)); err != nil {
			return fmt.Errorf("op %q, attempt %d: %w", id, a.Number, err)
		}
		if a.State, err = seq.ParseState(r.text(9)); err != nil {
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

const selectRuns = `SELECT id, strategy, state, host, pid, revision, actor, epoch, started, finished
	FROM ?runs WHERE ns = ?ns ORDER BY number DESC LIMIT ?`

// Runs implements [seq.Store].
func (s *Store) Runs(ctx context.Context, limit int) ([]seq.Run, error) {
	var runs []seq.Run
	err := s.read(ctx, "runs", func(r *row) error {
		run := seq.Run{
			ID:       r.text(0),
			Strategy: r.text(1),
			Owner:    r.owner(3),
			Epoch:    r.number(7),
			Started:  r.time(8),
			Finished: r.time(9),
		}
		var err error
		if err = readable(run.ID); err != nil {
			return fmt.Errorf("run %.100q: %w", run.ID, err)
		}
		if run.State, err = seq.ParseRunState(r.text(2)); err != nil {
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
		if strings.ContainsFunc(id, unicode.IsControl) || !utf8.ValidString(id) {
			return fmt.Errorf("%w: ID %.100q", seq.ErrUnknownValue, id)
		}
	}
	return nil
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
