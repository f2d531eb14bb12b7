package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/sequencer-go/seq"
)

// DefaultQueue is the River queue of orders.
const DefaultQueue = "seq"

// maxAttempts is how often River delivers an order that a worker gave back, because the ledger did not answer.
// After that the leader finds it lost, and sends another.
const maxAttempts = 100

// fetchCooldown is the shortest pause between two fetches of a client, and between two notifications.
const fetchCooldown = time.Millisecond

// ErrNoRiver means that River's tables are not in the database.
var ErrNoRiver = errors.New("the tables of River are not there")

// A RiverOption adjusts [River] and [Serve].
type RiverOption func(*riverOptions) error

type riverOptions struct {
	queue  string
	schema string
	slots  int
	poll   time.Duration // how often River is asked for orders; 0: it says when there are
	logger *slog.Logger
}

// Queue is the River queue that orders go to, and that a worker takes them from; [DefaultQueue] if it is not
// given. A queue for each version of a binary keeps old workers from taking, and refusing, what only new ones
// can do.
func Queue(name string) RiverOption {
	return func(o *riverOptions) error {
		if name == "" {
			return fmt.Errorf("%w: fleet.Queue: the name is empty", seq.ErrInvalidOption)
		}
		o.queue = name
		return nil
	}
}

// Schema is the schema of River's tables; by default the search path finds them.
func Schema(name string) RiverOption {
	return func(o *riverOptions) error {
		o.schema = name
		return nil
	}
}

// Slots is how many orders [Serve] does at a time, at most; 16 if it is not given. [River] takes none.
func Slots(n int) RiverOption {
	return func(o *riverOptions) error {
		if n < 1 {
			return fmt.Errorf("%w: fleet.Slots(%d): want 1 or more", seq.ErrInvalidOption, n)
		}
		o.slots = n
		return nil
	}
}

// PollOnly is for a pool that reaches its server through a pooler which lends sessions for a transaction, as
// pgbouncer with pool_mode=transaction: nobody listens, because nothing would be heard, and the LISTEN would stay
// in a session that others get. A worker asks for orders as often as this says, a leader asks the ledger up to
// ten times a second, and River once a second who refused an order. Of events at workers it learns what the
// ledger has. The pool itself must prepare nothing: say default_query_exec_mode=exec in its address.
func PollOnly(every time.Duration) RiverOption {
	return func(o *riverOptions) error {
		if every < fetchCooldown {
			return fmt.Errorf("%w: fleet.PollOnly(%s): want %s or more", seq.ErrInvalidOption, every, fetchCooldown)
		}
		o.poll = every
		return nil
	}
}

// Logger is where River logs; nothing is logged if it is not given.
func Logger(l *slog.Logger) RiverOption {
	return func(o *riverOptions) error {
		o.logger = l
		return nil
	}
}

func adjusted(opts []RiverOption) (*riverOptions, error) {
	o := &riverOptions{queue: DefaultQueue, slots: 16, logger: slog.New(slog.DiscardHandler)}
	for _, adjust := range opts {
		if err := adjust(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// table is River's table of jobs.
func (o *riverOptions) table() string {
	if o.schema == "" {
		return "river_job"
	}
	return pgx.Identifier{o.schema, "river_job"}.Sanitize()
}

// riverTransport keeps orders as River jobs.
type riverTransport struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	opts   *riverOptions
	err    error
}

// River returns a transport that keeps orders as jobs of River, in the database of a pool, which need not be
// the ledger's. It inserts with a client of its own: one whose FetchCooldown were River's default of 100 ms
// would announce new jobs that seldom. It needs River's tables, see [Migrate].
func River(pool *pgxpool.Pool, opts ...RiverOption) Transport {
	t := &riverTransport{pool: pool}
	if t.opts, t.err = adjusted(opts); t.err != nil {
		return t
	}
	t.client, t.err = river.NewClient(riverpgxv5.New(pool), &river.Config{
		FetchCooldown: fetchCooldown, Schema: t.opts.schema, Logger: t.opts.logger,
	})
	return t
}

// Migrate makes River's tables, or brings them up to date, as River's own command does:
//
//	go run github.com/riverqueue/river/cmd/river@v0.51.2 migrate-up --database-url "$DATABASE_URL"
func Migrate(ctx context.Context, pool *pgxpool.Pool, opts ...RiverOption) error {
	o, err := adjusted(opts)
	if err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: o.schema, Logger: o.logger})
	if err != nil {
		return fmt.Errorf("make River's tables: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("make River's tables: %w", err)
	}
	return nil
}

// explain makes one clear error of missing tables.
func explain(err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "42P01" {
		return fmt.Errorf(`%w (%w); make them with fleet.Migrate, or: go run github.com/riverqueue/river/cmd/river@v0.51.2 migrate-up --database-url "$DATABASE_URL"`,
			ErrNoRiver, err)
	}
	return err
}

// deliverable are the states of a job that River has still to deliver, or that a worker has.
const deliverable = `('available', 'pending', 'retryable', 'scheduled', 'running')`

// Open implements [Transport].
func (t *riverTransport) Open(ctx context.Context, o *Order) error {
	if t.err != nil {
		return t.err
	}
	tags := tagsOf(o)
	_, err := t.pool.Exec(ctx, `DELETE FROM `+t.opts.table()+` WHERE state IN `+deliverable+` AND queue = $1 AND kind = $2 AND tags[1] = $3 AND tags[2] <> $4`,
		t.opts.queue, Job{}.Kind(), tags[0], tags[1])
	return explain(err)
}

// End implements [Transport]. A job that a worker has taken just now is left to it: the worker is about to find
// that it is done.
func (t *riverTransport) End(ctx context.Context, o *Order) {
	tags := tagsOf(o)
	_, _ = t.pool.Exec(ctx, `DELETE FROM `+t.opts.table()+` WHERE state IN `+deliverable+` AND queue = $1 AND kind = $2 AND tags[1] = $3 AND tags[2] = $4
		AND (state <> 'running' OR attempted_at < now() - interval '2 seconds')`, t.opts.queue, Job{}.Kind(), tags[0], tags[1])
}

// tagsOf says of what lease an order is, and of which holder.
func tagsOf(o *Order) []string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(o.Lease))
	return []string{o.Ledger + "_" + hex.EncodeToString(h.Sum(nil)), o.Holder}
}

// Send implements [Transport].
func (t *riverTransport) Send(ctx context.Context, orders []*Order) error {
	if len(orders) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(orders))
	for i, o := range orders {
		text, err := encode(o)
		if err != nil {
			return err
		}
		jobs[i] = river.InsertManyParams{
			Args: Job{Order: text}, InsertOpts: &river.InsertOpts{Queue: t.opts.queue, MaxAttempts: maxAttempts, Tags: tagsOf(o)},
		}
	}
	inserted, err := t.client.InsertMany(ctx, jobs)
	if err != nil {
		return explain(err)
	}
	for i, o := range orders {
		o.Ref = inserted[i].Job.ID
	}
	return nil
}

// Resend implements [Transport].
func (t *riverTransport) Resend(ctx context.Context, orders []*Order, stale time.Duration) error {
	rows, err := t.pool.Query(ctx, `SELECT id FROM `+t.opts.table()+` WHERE id = ANY($1) AND state IN `+deliverable+`
		AND (state <> 'running' OR attempted_at > now() - make_interval(secs => $2))`, refs(orders), stale.Seconds())
	if err != nil {
		return explain(err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return explain(err)
	}
	known := make(map[int64]bool, len(there))
	for _, ref := range there {
		known[ref] = true
	}
	var lost []*Order
	for _, o := range orders {
		if !known[o.Ref] {
			lost = append(lost, o)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	t.Forget(ctx, lost)
	return t.Send(ctx, lost)
}

// Forget implements [Transport]. A job that a worker has goes, too: what the worker says of it is not asked.
func (t *riverTransport) Forget(ctx context.Context, orders []*Order) {
	_, _ = t.pool.Exec(ctx, `DELETE FROM `+t.opts.table()+` WHERE id = ANY($1) AND state IN `+deliverable, refs(orders))
}

func refs(orders []*Order) []int64 {
	ids := make([]int64, 0, len(orders))
	for _, o := range orders {
		if o.Ref != 0 {
			ids = append(ids, o.Ref)
		}
	}
	return ids
}
