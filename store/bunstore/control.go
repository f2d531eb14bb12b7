package bunstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/store"
)

// What is asked of an op is read by the statement that opens each batch of a long op, so it comes in
// few columns: words that hold no space in one, and the two texts of a person.
const controlWords = `c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard`

var (
	selectControls = define("read controls", `SELECT c.id, `+controlWords+`, c.actor, c.reason, c.until, c.asked, c.answered, c.note, c.noted
	FROM {controls} AS c WHERE c.ns = {ns} AND {here} ORDER BY c.id`)

	selectControl = define("read control", `SELECT c.id, `+controlWords+`, c.actor, c.reason, c.until, c.asked, c.answered, c.note, c.noted
	FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id AND {here}`)

	askControl = define("ask", `INSERT INTO {controls} AS c (ns, id, number, wanted, size, rest, until, actor, reason, asked)
	SELECT {ns}, @id, @number, @wanted, @size, @rest, nullif(@until, 0), @actor, @reason, {now}
	WHERE @number = 1 OR EXISTS (SELECT 1 FROM {controls} AS p WHERE p.ns = {ns} AND p.id = @id)
	ON CONFLICT (ns, id) DO UPDATE SET
		number = excluded.number, wanted = excluded.wanted, size = excluded.size, rest = excluded.rest, until = excluded.until,
		actor = excluded.actor, reason = excluded.reason, asked = excluded.asked
	WHERE c.number = excluded.number - 1 AND c.wanted <> 'cancel'
	RETURNING 1`)

	answerControl = define("answer", `INSERT INTO {controls} AS c (ns, id, number, wanted, size, rest, actor, reason, asked, heard, note, noted)
	SELECT {ns}, @id, 0, 'go', 0, 0, '', '', NULL, 0, @note, {now}
	WHERE EXISTS (SELECT 1 FROM {leases} AS l WHERE l.ns = {ns} AND l.name = @name AND l.epoch = @epoch AND l.holder = @holder)
	ON CONFLICT (ns, id) DO UPDATE SET
		answered = CASE WHEN @seen > c.heard THEN {now} ELSE c.answered END,
		heard = CASE WHEN @seen > c.heard THEN CASE WHEN @seen < c.number THEN @seen ELSE c.number END ELSE c.heard END,
		noted = CASE WHEN c.note = excluded.note THEN c.noted ELSE excluded.noted END,
		note = excluded.note
	RETURNING 1`)

	revokeLease = define("revoke", `UPDATE {leases} SET epoch = {greatest}(epoch + 1, {now}), holder = NULL, expires = {now}
	WHERE ns = {ns} AND name = @name AND holder IS NOT NULL AND expires > {now}`)
)

// controlOf reads a control from columns i, i+1 and i+2: its words, its actor and its reason.
func controlOf(r *row, id string, i int) (c store.Control, err error) {
	c = store.Control{ID: id, Actor: r.text(i + 1), Reason: r.text(i + 2)}
	text := r.text(i)
	if text == "" {
		return c, nil // nothing was ever asked
	}
	w := wordReader{rest: text}
	c.Number = w.number()
	word := w.next()
	if c.Wanted, err = store.ParseWanted(word); err != nil {
		c.Wanted = store.UnknownWanted
		c.Unknown, err = unknown("request", word)
		w.failed(err)
	}
	c.Size, c.Rest = w.number(), time.Duration(w.number())*time.Millisecond
	c.Heard = w.number()
	return c, w.err
}

func (s *Store) controls(ctx context.Context, st *statement, args ...arg) (all []store.Control, err error) {
	err = s.read(ctx, "controls", func(r *row) error {
		c, err := controlOf(r, r.text(0), 1)
		if err != nil {
			return fmt.Errorf("control %.100q: %w", c.ID, err)
		}
		c.Until, c.Asked, c.HeardAt, c.Note, c.NotedAt = r.time(4), r.time(5), r.time(6), r.text(7), r.time(8)
		all = append(all, c)
		return nil
	}, st, args...)
	return all, err
}

// Controls implements [store.Reader].
func (s *Store) Controls(ctx context.Context) ([]store.Control, error) {
	return s.controls(ctx, selectControls)
}

// Control implements [store.Reader].
func (s *Store) Control(ctx context.Context, id string) (store.Control, error) {
	found, err := s.controls(ctx, selectControl, arg{"id", id})
	if err != nil || len(found) == 0 {
		return store.Control{ID: id}, err
	}
	return found[0], nil
}

// Ask implements [store.Store].
func (s *Store) Ask(ctx context.Context, request store.Control) error {
	until := int64(0)
	if !request.Until.IsZero() {
		until = request.Until.UnixMilli()
	}
	args := []arg{
		{"id", clean(request.ID)}, {"number", request.Number}, {"wanted", request.Wanted.String()}, {"size", request.Size},
		{"rest", request.Rest.Milliseconds()}, {"until", until}, {"actor", clean(request.Actor)}, {"reason", clean(request.Reason)},
	}
	written, err := s.change(ctx, "ask", askControl, args...)
	if missingTable(err) {
		if err = s.create(ctx); err == nil {
			written, err = s.change(ctx, "ask", askControl, args...)
		}
	}
	if err == nil && !written {
		err = fmt.Errorf("%w: %s", store.ErrAsked, request.ID)
	}
	return err
}

// Answer implements [store.Store].
func (s *Store) Answer(ctx context.Context, lease store.Lease, answer store.Answer) error {
	args := append(leaseArgs(lease), arg{"id", answer.ID}, arg{"seen", answer.Seen}, arg{"note", clean(answer.Note)})
	written, err := s.change(ctx, "answer", answerControl, args...)
	if err == nil && !written || s.absent(ctx, err) {
		err = fmt.Errorf("answer: %w", store.ErrLeaseLost)
	}
	return err
}

// Revoke implements [store.Store].
func (s *Store) Revoke(ctx context.Context, name string) error {
	if err := store.CheckLeaseName(name); err != nil {
		return err
	}
	_, err := s.change(ctx, "revoke the lease", revokeLease, arg{"name", name})
	if s.absent(ctx, err) {
		return nil
	}
	return err
}

// change makes a statement by itself, and reports whether it answered with a row.
func (s *Store) change(ctx context.Context, doing string, st *statement, args ...arg) (did bool, err error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	if err := s.turn.take(ctx); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	defer s.turn.pass()
	err = s.again(ctx, func() error {
		did, err = s.matches(ctx, s.db, st, args...)
		return err
	})
	if missingTable(err) || errors.Is(err, store.ErrSchemaMissing) {
		return false, err
	}
	return did, s.explain(ctx, doing, err)
}
