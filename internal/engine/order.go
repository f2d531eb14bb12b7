package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// An Order asks a worker for one attempt at one op, under the lease that the leader of the run holds. It is
// good for one attempt: the worker claims the one after Attempt, and of two who try one succeeds. It is void
// once the lease is not current any more. So it does no harm to deliver an order late, or more than once.
type Order struct {
	Ledger   string // the identity of the ledger
	Lease    string // the name of the leader's lease,
	Epoch    int64  // its epoch
	Holder   string // and its holder
	Run      string
	Strategy string `json:",omitempty"`
	Actor    string `json:",omitempty"`
	Reason   string `json:",omitempty"`

	ID        string
	Key       string          `json:",omitempty"` // the ID in the idempotency key, if it is another
	Attempt   int             // that the ledger counts so far
	Direction store.Direction `json:",omitempty"`
	Declared  store.Delivery  `json:",omitempty"` // what the op declares
	Delivery  store.Delivery  `json:",omitempty"` // and what it is on this database, which its Inspect may say
	Checksum  string          `json:",omitempty"`
	Tolerates bool            `json:",omitempty"` // its failure is a note only
	Again     bool            `json:",omitempty"` // it was sent before

	Ref int64 `json:"-"` // what the carrier knows it by
}

// News is what a worker tells the leader of an order. It may be lost: what counts is in the ledger.
type News struct {
	Holder  string   // of the order
	ID      string   // of its op,
	Settled []string `json:",omitempty"` // or of several that have settled
	Kind    NewsKind
	Worker  string               `json:",omitempty"` // who refused
	Why     string               `json:",omitempty"` // or the error before a retry
	Event   middleware.EventKind `json:",omitempty"`
	Attempt int                  `json:",omitempty"`
	Done    int64                `json:",omitempty"`
	Total   int64                `json:",omitempty"`
	Delay   time.Duration        `json:",omitempty"`
}

// A NewsKind says what news are about.
type NewsKind uint8

// The kinds of news.
const (
	NewsSettled NewsKind = iota // the ledger has the outcome of some order
	NewsRefused                 // a worker cannot do it, see Why
	NewsEvent                   // what watchers are told of an attempt
)

// A Carrier takes orders to workers, and news back. Its methods are safe for concurrent use.
type Carrier interface {
	// Open is an error if no order could be sent. It removes what earlier holders of the order's lease
	// have left.
	Open(ctx context.Context, o *Order) error
	// Send hands orders over and sets their Ref. If it fails, some may have been sent.
	Send(ctx context.Context, orders []*Order) error
	// Resend sends those again that were lost on the way. One that somebody has taken and not finished for
	// longer than stale is lost, too.
	Resend(ctx context.Context, orders []*Order, stale time.Duration) error
	// End removes what is left of the orders of a holder whose run is over. A worker that died may have left
	// some that look as if they were being done.
	End(ctx context.Context, o *Order)
	// Forget removes orders that nobody needs any more, where it still has them.
	Forget(ctx context.Context, orders []*Order)
	// Listen calls hear with the news of the orders of a holder, from any goroutine, until stop is
	// called. Once news were heard the ledger is asked less often.
	Listen(ctx context.Context, holder string, hear func(News)) (stop func())
}

// Remote is how steps are taken to workers.
type Remote struct {
	Carrier  Carrier
	Patience time.Duration // how long an order waits that no worker can do; 0 means DefaultPatience
	Resend   time.Duration // after how long an order that was not begun is looked for; 0 means DefaultResend
}

// The defaults of [Remote].
const (
	DefaultPatience = 10 * time.Minute
	DefaultResend   = 10 * time.Second
)

// taken is for how long a worker may have an order and not have begun it.
const taken = 5 * time.Second

// ErrNoWorker means that no worker has begun an op in time: none lives, or none of them can do it.
var ErrNoWorker = errors.New("no worker does it")

// A RefusedError says why a worker cannot do what an order asks for. Nothing was claimed.
type RefusedError struct{ ID, Why string }

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %s", e.ID, e.Why) }

// lease is the leader's lease, as a worker shows it to the ledger.
func (o *Order) lease() (store.Lease, error) {
	holder, err := store.ParseToken(o.Holder)
	if err != nil {
		return store.Lease{}, fmt.Errorf("the holder of the order: %w", err)
	}
	identity, err := store.ParseToken(o.Ledger)
	if err != nil {
		return store.Lease{}, fmt.Errorf("the ledger of the order: %w", err)
	}
	return store.Lease{Name: o.Lease, Epoch: o.Epoch, Holder: holder, Identity: identity}, nil
}
