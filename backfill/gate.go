package backfill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A Gate says between two batches whether to go on. [Window], [Query], [ReplicaLag] and [LockWaits] make some;
// a function of your own is a Gate{Name: …, Ask: …}.
type Gate struct {
	// Name is what the gate is, for people.
	Name string
	// Ask answers with the reason to stop, "" to go on. It is called outside of any transaction, with the
	// time by the job's clock, at most once a second, for at most five seconds, and by one goroutine at a
	// time; bunstore.DB(ctx) is the ledger's database. A gate that cannot tell returns an error: the
	// backfill goes on for 15 s all the same, then it stops until the gate can.
	Ask func(ctx context.Context, now time.Time) (stop string, err error)
	// Err is why the gate cannot be used; Run and Preview report it before anything runs.
	Err error

	postgres bool // it is only for that
}

const (
	gateEvery    = time.Second      // between two questions
	gateLimit    = 5 * time.Second  // of a question
	gatePatience = 15 * time.Second // with a gate that cannot tell
)

// Query is a gate that is open while the query, whose answer is one value in one row, answers with true, or a
// number that is not 0. No row and NULL stop it.
func Query(name, query string) Gate {
	g := Gate{Name: name, Ask: func(ctx context.Context, _ time.Time) (string, error) {
		var open sql.NullBool
		err := bunstore.DB(ctx).QueryRowContext(ctx, "?", bun.Safe(query)).Scan(&open)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		if err != nil || open.Bool {
			return "", err
		}
		return "the query does not answer with true", nil
	}}
	if name == "" || query == "" {
		g.Err = fmt.Errorf("Query(%q, %q): both are needed", name, query)
	}
	return g
}

// gatekeeper asks the gates of a job, for all its workers.
type gatekeeper struct {
	gates []Gate
	clock clock.Clock

	turn    chan struct{}     // whoever puts something in may touch what follows
	asked   time.Time         // when all were open last
	unknown map[int]time.Time // since when a gate cannot tell
}

// pass waits until all gates are open. It answers with how long it waited, or with why the op has to end.
func (k *gatekeeper) pass(ctx context.Context) (held time.Duration, err error) {
	if len(k.gates) == 0 {
		return 0, nil
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	began := k.clock.Now()
	if !k.asked.IsZero() && began.Sub(k.asked) < gateEvery {
		return 0, nil
	}
	for {
		now := k.clock.Now()
		why := k.closed(ctx, now)
		if why == "" {
			k.asked = now
			return now.Sub(began), nil
		}
		if err := seq.Rest(ctx, why, gateEvery); err != nil {
			return 0, err
		}
	}
}

// closed is why a gate stops the backfill; "" if all are open.
func (k *gatekeeper) closed(ctx context.Context, now time.Time) string {
	for i := range k.gates {
		g := &k.gates[i]
		limit, cancel := context.WithTimeout(ctx, gateLimit)
		stop, err := g.Ask(limit, now)
		cancel()
		if err == nil {
			delete(k.unknown, i)
			if stop != "" {
				return g.Name + ": " + stop
			}
			continue
		}
		if k.unknown == nil {
			k.unknown = map[int]time.Time{}
		}
		since, failing := k.unknown[i]
		if !failing {
			since = now
			k.unknown[i] = now
		}
		if now.Sub(since) >= gatePatience {
			return fmt.Sprintf("%s cannot tell since %s: %s", g.Name, since.UTC().Format(time.TimeOnly), store.ErrorText(err))
		}
	}
	return ""
}
