package bunstore

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sequencer-go/seq/store"
)

// An op's attempts are the lines of attempts and, the last, what its row in ops says. As long as that is
// open, the row's error is still of the one before.
const (
	attemptColumns = `id, number, direction, run, owner, executable, started, finished, state, ended, error`
	currentAttempt = `SELECT id, attempt AS number, direction, run, owner, executable, started, finished, state, ended,
			CASE WHEN finished IS NULL THEN '' ELSE error END AS error
		FROM {ops} WHERE ns = {ns} AND started IS NOT NULL AND {here}`
)

var (
	selectHistory = define("read history", `SELECT `+attemptColumns+` FROM (
		`+currentAttempt+` AND id = @id AND attempt < @before) AS o
	UNION ALL
	SELECT `+attemptColumns+` FROM (
		SELECT `+attemptColumns+` FROM {attempts} WHERE ns = {ns} AND {here} AND id = @id AND number < @before ORDER BY number DESC LIMIT @limit) AS a
	ORDER BY number DESC LIMIT @limit`)

	selectRunAttempts = define("read the attempts of a run", `SELECT `+attemptColumns+` FROM (
		`+currentAttempt+` AND run = @run AND (id, attempt) > (@id, @number) ORDER BY id LIMIT @limit) AS o
	UNION ALL
	SELECT `+attemptColumns+` FROM (
		SELECT `+attemptColumns+` FROM {attempts} WHERE ns = {ns} AND {here} AND run = @run AND (id, number) > (@id, @number) ORDER BY id, number LIMIT @limit) AS a
	ORDER BY id, number LIMIT @limit`)
)

// History implements [store.Reader].
func (s *Store) History(ctx context.Context, id string, page store.Page) ([]store.Attempt, error) {
	return s.attempts(ctx, selectHistory, append(pageArgs(page), arg{"id", id})...)
}

// RunAttempts implements [store.Reader].
func (s *Store) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	return s.attempts(ctx, selectRunAttempts, arg{"run", run}, arg{"id", after.ID}, arg{"number", int64(after.Number)}, arg{"limit", int64(max(limit, 0))})
}

func (s *Store) attempts(ctx context.Context, st *statement, args ...arg) ([]store.Attempt, error) {
	var attempts []store.Attempt
	err := s.read(ctx, "ops attempts", func(r *row) error {
		a, err := attemptOf(r)
		if err != nil {
			return fmt.Errorf("op %.100q, attempt %d: %w", a.ID, a.Number, err)
		}
		attempts = append(attempts, a)
		return nil
	}, st, args...)
	if err != nil {
		return nil, err
	}
	return attempts, nil
}

// attemptOf reads a row of attemptColumns.
func attemptOf(r *row) (a store.Attempt, err error) {
	a = store.Attempt{
		ID: r.text(0), Number: int(r.number(1)), Run: r.text(3), Owner: r.owner(4),
		Started: r.time(6), Finished: r.time(7), Error: r.text(10),
	}
	strange := func(what, word string) {
		text, bad := unknown(what, word)
		if a.State = store.UnknownState; a.Unknown == "" {
			a.Unknown = text
		}
		if err == nil {
			err = bad
		}
	}
	if state, perr := store.ParseState(r.text(8)); perr == nil {
		a.State = state
	} else {
		strange("state", r.text(8))
	}
	if direction, perr := store.ParseDirection(r.text(2)); perr == nil {
		a.Direction = direction
	} else {
		strange("direction", r.text(2))
	}
	switch word := r.text(9); word {
	case "":
	case "lost":
		a.Lost = true
	case "interrupted":
		a.Interrupted = true
	case "withdrawn":
		a.Withdrawn = true
	case "permanent":
		a.Permanent = true
	default:
		strange("end", word)
	}
	if err == nil {
		err = readable(a.ID, a.Run)
	}
	return a, err
}

var words = regexp.MustCompile(`^[a-z][a-z0-9]*([ -][a-z0-9]+)*$`)

// unknown says which word it is that this library does not know. It fails if that is no word at all:
// then no library has written it.
func unknown(what, word string) (string, error) {
	if len(word) > 64 || !words.MatchString(word) {
		return "", fmt.Errorf("%w: %s %.100q", store.ErrUnknownValue, what, word)
	}
	return fmt.Sprintf("%s %q", what, word), nil
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

// read reads from tables, which are named by their last words, and nothing if the ledger does not exist yet.
func (s *Store) read(ctx context.Context, tables string, each func(*row) error, st *statement, args ...arg) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	err := s.query(ctx, s.db, each, st, args...)
	if missingTable(err) {
		if s.absent(ctx, err) {
			return nil
		}
		err = s.query(ctx, s.db, each, st, args...) // somebody has just created it
	}
	if err == nil {
		return nil
	}
	names := strings.Fields(tables)
	for i := range names {
		names[i] = s.table(names[i])
	}
	return s.explain(ctx, "table "+strings.Join(names, " or "), err)
}
