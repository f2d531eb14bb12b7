// Package pipeline is how a store asks the driver of its database to send in one trip what database/sql
// sends in two: BEGIN with the first query of a transaction, COMMIT with the last. It asks by the
// context; a driver that does not know of it makes the trips one at a time, and nothing else changes.
package pipeline

import "context"

type beginKey struct{}

// WithBegin is a context for BeginTx: the caller's next call is a query in that transaction, and BEGIN
// may wait for it. Then an error of BEGIN is that query's.
func WithBegin(ctx context.Context) context.Context {
	return context.WithValue(ctx, beginKey{}, true)
}

// BeginWaits reports whether ctx is of [WithBegin].
func BeginWaits(ctx context.Context) bool { return ctx.Value(beginKey{}) != nil }

type commitKey struct{}

// A Commit is what became of the COMMIT behind a query.
type Commit struct {
	// Sent says that COMMIT may have reached the server with the query. If the query failed on the server,
	// the server has skipped it; if the query was not answered, nobody knows. If it was answered,
	// the Commit of the transaction, which must follow, tells how the COMMIT went.
	Sent bool
}

// WithCommit is a context for the last query of a transaction, behind which COMMIT may be sent. The
// driver reads the whole answer of the query before it returns.
func WithCommit(ctx context.Context) (context.Context, *Commit) {
	c := &Commit{}
	return context.WithValue(ctx, commitKey{}, c), c
}

// CommitOf is the Commit of ctx, nil if it has none.
func CommitOf(ctx context.Context) *Commit {
	c, _ := ctx.Value(commitKey{}).(*Commit)
	return c
}
