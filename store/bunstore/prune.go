package bunstore

import (
	"cmp"
	"context"

	"github.com/sequencer-go/seq/store"
)

// What may go is decided by the statement that removes it. Where others write at the same time it locks
// the ops that the attempts are of, and leaves out those that somebody else has locked: so no op moves
// on while lines that it may come to rest on are removed, and nobody is waited for.
var (
	pruneAttempts = define("prune attempts", `WITH doomed AS {materialized} (
		SELECT a.ns, a.id, a.number FROM {attempts} AS a JOIN {ops} AS o ON o.ns = a.ns AND o.id = a.id
		WHERE a.ns = {ns} AND a.finished <= {now} - @age
			AND o.state IN ({settled}) AND {known} AND {kept}
			AND (o.state IN ('succeeded', 'waived') OR a.run <> o.run AND a.state <> 'indeterminate')
			AND NOT EXISTS (SELECT 1 FROM {runs} AS r WHERE r.ns = a.ns AND r.id = a.run AND r.state NOT IN ({final}))
			AND (o.started IS NOT NULL OR a.number < o.attempt)
		ORDER BY a.finished LIMIT @limit {skip})
	DELETE FROM {attempts} WHERE (ns, id, number) IN (SELECT ns, id, number FROM doomed) RETURNING number`)

	pruneRuns = define("prune runs", `DELETE FROM {runs} WHERE (ns, id) IN (
		SELECT r.ns, r.id FROM {runs} AS r
		WHERE r.ns = {ns} AND r.finished <= {now} - @age AND r.state IN ({final})
			AND r.number <= (SELECT max(number) FROM {runs} WHERE ns = {ns}) - @keep
			AND NOT EXISTS (SELECT 1 FROM {ops} AS o WHERE o.ns = r.ns AND o.run = r.id AND NOT (o.state IN ({settled}) AND {known}))
		ORDER BY r.number LIMIT @limit)
	RETURNING number`)

	pruneLives = define("prune lives", `DELETE FROM {leases} WHERE (ns, name) IN (
		SELECT l.ns, l.name FROM {leases} AS l
		WHERE l.ns = {ns} AND l.name LIKE 'life:%' AND l.expires <= {now} - @age
		ORDER BY l.name LIMIT @limit)
	RETURNING name`)
)

// Prune implements [store.Maintainer].
func (s *Store) Prune(ctx context.Context, keep store.Retention) (done store.Pruned, err error) {
	limit := cmp.Or(max(keep.Limit, 0), 1000)
	args := []arg{{"age", max(keep.Age, 0).Milliseconds()}, {"limit", int64(limit)}}
	for _, part := range []struct {
		st   *statement
		n    *int
		args []arg
	}{
		{pruneAttempts, &done.Attempts, args},
		{pruneRuns, &done.Runs, append(args, arg{"keep", int64(max(keep.Runs, 1))})},
		{pruneLives, &done.Lives, args},
	} {
		if err := s.pruneOne(ctx, part.st, part.n, part.args); err != nil {
			return done, err
		}
		done.More = done.More || *part.n >= limit
	}
	return done, nil
}

func (s *Store) pruneOne(ctx context.Context, st *statement, n *int, args []arg) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.pass()
	return s.again(ctx, func() error {
		*n = 0
		return s.read(ctx, "ops attempts runs leases", func(*row) error { *n++; return nil }, st, args...)
	})
}
