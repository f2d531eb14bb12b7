package bunstore

import (
	"context"
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
	SELECT {ns}, @id, @number, @wanted, @size, @rest, CAST(@until AS bigint), @actor, @reason, {now}
	WHERE @number = 1 OR EXISTS (SELECT 1 FROM {controls} AS p WHERE p.ns = {ns} AND p.id = @id)
	ON CONFLICT (ns, id) DO UPDATE SET
		number = excluded.number, wanted = excluded.wanted, size = excluded.size, rest = excluded.rest, until = excluded.until,
		actor = excluded.actor, reason = excluded.reason, asked = excluded.asked
	WHERE c.number = excluded.number - 1 AND c.wanted <> 'cancel'
	RETURNING 1`)

	// Where others write at the same time, whoever takes the lease over waits for the answers under it.
	answerControl = define("answer", `INSERT INTO {controls} AS c (ns, id, number, wanted, note, noted)
	SELECT {ns}, @id, 0, 'go', @note, CASE WHEN @note = '' THEN NULL ELSE {now} END
	WHERE EXISTS (SELECT 1 FROM {leases} AS l WHERE l.ns = {ns} AND l.name = @name AND l.epoch = @epoch AND l.holder = @holder {showing})
	ON CONFLICT (ns, id) DO UPDATE SET
		answered = CASE WHEN {least}(@seen, c.number) > c.heard THEN {now} ELSE c.answered END,
		heard = {greatest}(c.heard, {least}(@seen, c.number)),
		noted = CASE WHEN c.note = excluded.note THEN c.noted ELSE {now} END,
		note = excluded.note
	RETURNING 1`)

	// Of a lease that has expired too: whoever had it could renew it. It waits for what is written under
	// it, as a takeover does.
	revokeLease = define("revoke", `{excluding}UPDATE {leases} SET holder = NULL, expires = {now}
	WHERE ns = {ns} AND name = @name AND holder IS NOT NULL AND {excluded}`)
)

// controlOf reads a control from columns i, i+1 and i+2: its words, its actor and its reason.
func (s *Store) controlOf(r *row, id string, i int) (c store.Control, err error) {
	c = store.Control{ID: id, Actor: r.text(i + 1), Reason: r.text(i + 2)}
	text := r.text(i)
	if text == "" {
		return c, nil // nothing was ever asked
	}
	w := wordReader{rest: text, err: readable(id)}
	c.Number = w.number()
	word := w.next()
	if c.Wanted, err = store.ParseWanted(word); err != nil {
		c.Wanted = store.UnknownWanted
		c.Unknown, err = unknown("request", word)
		w.failed(err)
	}
	c.Size, c.Rest = w.number(), time.Duration(w.number())*time.Millisecond
	c.Heard = w.number()
	if w.err != nil {
		return c, fmt.Errorf("table %s: control %.100q: %w", s.table("controls"), id, w.err)
	}
	return c, nil
}

func (s *Store) controls(ctx context.Context, st *statement, args ...arg) ([]store.Control, error) {
	var all []store.Control
	err := s.read(ctx, "controls", func(r *row) error {
		c, err := s.controlOf(r, r.text(0), 1)
		c.Until, c.Asked, c.HeardAt, c.Note, c.NotedAt = r.time(4), r.time(5), r.time(6), r.text(7), r.time(8)
		all = append(all, c)
		return err
	}, st, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
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
	request, err := store.CleanRequest(request)
	if err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return s.explain(ctx, "ask", err)
	}
	args := []arg{
		{"id", request.ID},
		{"number", request.Number},
		{"wanted", request.Wanted.String()},
		{"size", request.Size},
		{"rest", request.Rest.Milliseconds()},
		{"until", due(request.Until)},
		{"actor", request.Actor},
		{"reason", request.Reason},
	}
	written, err := s.change(ctx, "ask", askControl, args...)
	if err == nil && !written {
		err = fmt.Errorf("%w: %s", store.ErrAsked, request.ID)
	}
	return err
}

// ready makes the tables if there are none, and fails if they are those of another version: whoever asks
// has no lease, whose acquisition sees to that.
func (s *Store) ready(ctx context.Context) error {
	version, err := s.version(ctx, s.db)
	if err == nil && version == "" || missingTable(err) {
		if err := s.create(ctx); err != nil {
			return err
		}
		version, err = s.version(ctx, s.db)
	}
	if err != nil {
		return fmt.Errorf("table %s: %w", s.table("meta"), err)
	}
	return s.checkVersion(version)
}

// Answer implements [store.Store].
func (s *Store) Answer(ctx context.Context, lease store.Lease, answer store.Answer) error {
	if _, err := store.CleanRequest(store.Control{ID: answer.ID}); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	current, err := false, error(nil)
	if store.CheckLeaseName(lease.Name) == nil {
		args := append(leaseArgs(lease), arg{"id", answer.ID}, arg{"seen", answer.Seen}, arg{"note", clean(answer.Note)})
		current, err = s.change(ctx, "answer", answerControl, args...)
	}
	if err == nil && !current {
		err = fmt.Errorf("answer: %w", store.ErrLeaseLost)
	}
	return err
}

// Revoke implements [store.Store].
func (s *Store) Revoke(ctx context.Context, name string) error {
	if err := store.CheckLeaseName(name); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	_, err := s.change(ctx, "revoke the lease", revokeLease, arg{"name", name})
	return err
}

// change makes a statement by itself, and reports whether it answered with a row; that it did not, if the
// ledger does not exist.
func (s *Store) change(ctx context.Context, doing string, st *statement, args ...arg) (did bool, err error) {
	if err := s.turn.take(ctx); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	defer s.turn.pass()
	err = s.again(ctx, func() error {
		did, err = s.matches(ctx, s.db, st, args...)
		return err
	})
	if s.absent(ctx, err) {
		return false, nil
	}
	return did, s.explain(ctx, doing, err)
}
