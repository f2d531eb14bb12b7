package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"
)

// A Store is the ledger: what ran, what is running, and who may run. It holds four things for
// its namespace: one lease, the runs, one [Entry] per op that was ever touched, and one
// [Attempt] per time somebody set out to do or undo an op.
//
// All writes are compare-and-set; that, and no lock, is what keeps the promises. Load, History,
// Runs and Holder never lock and never write, also before the ledger exists (they find nothing).
// Methods are safe for concurrent use, by any number of processes where the medium allows it.
// seqtest.TestStore holds an implementation to this contract.
type Store interface {
	// Load reads every entry, in any order, in one query.
	Load(ctx context.Context) ([]Entry, error)
	// History reads the attempts of one op, the oldest first.
	History(ctx context.Context, id string) ([]Attempt, error)
	// Runs reads the latest runs, the newest first, at most limit of them.
	Runs(ctx context.Context, limit int) ([]Run, error)
	// Holder says who holds the lease now, nil if nobody does.
	Holder(ctx context.Context) (*LeaseError, error)

	// Acquire takes the lease if it is free or has expired by the store's own clock, and creates
	// what the ledger needs on first use. Each acquisition has a larger Epoch than all before.
	// If somebody holds it, the error is a *[LeaseError] that matches [ErrLeaseHeld].
	Acquire(ctx context.Context, owner Owner) (Lease, error)
	// Renew makes the lease last its TTL from now. It fails with an error matching
	// [ErrLeaseLost] once somebody else has taken it.
	Renew(ctx context.Context, lease Lease) error
	// Release gives the lease back, so that the next one need not wait for it to expire.
	// Releasing a lease that is lost or was released does nothing.
	Release(ctx context.Context, lease Lease) error

	// Write applies a batch in one transaction. See [Batch] for what is refused: refused lists
	// the IDs of the items that were, nil in the ordinary case. If the lease is not current any
	// more, everything that needs it is refused, the rest is written, and the error matches
	// [ErrLeaseLost]. Any other error means that nothing was written, unless it matches
	// [ErrUnknownOutcome].
	Write(ctx context.Context, lease Lease, batch Batch) (refused []string, err error)
	// Atomic runs fn in a transaction that fn's ctx carries, and commits what fn did together
	// with the batch that fn returns. claim is open, and stays locked until the commit; if it is
	// not open any more, fn is not called and the error matches [ErrFenced]. If fn returns an
	// error nothing is kept and that error is returned. If fn ended the transaction behind the
	// store's back, nothing is recorded and the error matches [ErrTxBroken]. The end of ctx
	// stops fn, never the commit.
	Atomic(ctx context.Context, lease Lease, claim Claim, fn func(ctx context.Context) (Batch, error)) (refused []string, err error)
}

// A Briefer is a [Store] that can say in fewer words what is left to do. Every start of a process asks
// that, and mostly the answer is: nothing.
type Briefer interface {
	// Brief calls each with what Load reads, but of an entry whose State is Done only ID, State and
	// Checksum need be set. If it fails, it may have called each before.
	Brief(ctx context.Context, each func(Entry)) error
}

// A Lease is the right of one process to run, for as long as it renews it. Every write carries it.
type Lease struct {
	Epoch  int64         // grows with each acquisition; the fencing token
	Holder Token         // random per acquisition
	TTL    time.Duration // from one renewal until somebody else may take over
}

// An Owner says who holds a lease or made an attempt. It is for people.
type Owner struct {
	Host     string
	PID      int
	Revision string // of the binary, from its build information; may be empty
	Actor    string // the person who asked for it, see seq.By; may be empty
}

// Batch is a set of changes for one transaction. Each item is checked by itself, so one that is
// refused does not stop the others. Order: outcomes, then saves, headway, marks and claims, then
// the run. A batch is the caller's: a store keeps nothing of its slices.
type Batch struct {
	Outcomes []Outcome
	Saves    []Snapshot
	Headway  []Headway
	Marks    []Mark
	Claims   []Claim
	Run      *Run // inserted, or updated to its state
}

// An Entry is what the ledger knows about one op.
type Entry struct {
	ID         string
	State      State
	Run        string    // the run that moved it last
	Delivery   Delivery  // as of the last claim
	Generation int       // raised by a claim that starts the op anew after it was done or undone
	Attempt    int       // claims so far, of either direction
	Crashes    int       // claims in a row whose owner died
	Token      Token     // of the open attempt; zero when there is none
	Fence      int64     // the epoch that claimed it last
	Seq        int64     // order of completion; 0 unless it was done or undone
	NotBefore  time.Time // when it is due; zero when it has no schedule
	Saved      []byte    // what Run saved
	Checksum   string    // of the op's source as of the last claim or import, see seq.Op; may be empty
	Done       int64     // how far the last attempt that reported progress had come, see seq.Progress
	Total      int64     // of how much; 0 if it is not known
	Error      string    // of the last attempt, or the reason for a skip
}

// A Claim opens an attempt. It is refused unless the lease is current, the entry has no open
// attempt, and the entry's Attempt is one less than the claim's (0 if there is no entry yet).
// It sets the entry to Running or RollingBack, with the claim's values and the lease's epoch, and
// Done and Total to 0; a forward one also sets Seq to 0.
type Claim struct {
	ID         string
	Token      Token // random, so that an owner can recognise its own claim
	Direction  Direction
	Run        string
	Delivery   Delivery
	Generation int
	Attempt    int
	Owner      Owner
	Checksum   string
}

// An Outcome closes an attempt. It is refused unless the entry's open attempt has this Token.
// One whose Lost is set closes the attempt of an owner who died: it also needs the current
// lease, and an entry whose Fence is smaller than the lease's epoch.
type Outcome struct {
	ID    string
	Token Token
	State State  // what the entry becomes
	Seq   int64  // see [Entry]; kept as it was if 0
	Error string // sanitised and cut, see [ErrorText]
	Saved []byte // what Run saved; nil keeps what is there
	Lost  bool   // adds 1 to Crashes; any other outcome sets Crashes to 0
}

// A Snapshot keeps what an op saved for its rollback and its next attempt (seq.Save). It is refused
// unless the op's open attempt has this Token.
type Snapshot struct {
	ID    string
	Token Token
	Data  []byte
}

// Headway is the progress of an attempt (seq.Progress). It is refused unless the op's open attempt has
// this Token.
type Headway struct {
	ID    string
	Token Token
	Done  int64
	Total int64
}

// A Mark sets the state of an entry that has no open attempt. It is refused unless the lease is
// current and the entry's Attempt is the one given (0 if there is no entry yet, which creates it).
type Mark struct {
	ID        string
	Attempt   int
	State     State
	Run       string
	NotBefore time.Time // zero means none
	Reason    string    // becomes the entry's Error
	Seq       int64     // see [Entry]; if not 0, Fence becomes 0, older than all that ran; kept as it was if 0
	Checksum  string    // see [Entry]; kept as it was if ""
}

// An Attempt is one line of an op's history. It is inserted when somebody sets out, and updated
// once, with the outcome.
type Attempt struct {
	ID        string
	Number    int // counted over both directions, from 1
	Direction Direction
	Run       string
	Owner     Owner
	Started   time.Time // by the store's clock
	Finished  time.Time // zero while it is open
	State     State     // what it led to; Running or RollingBack while it is open
	Lost      bool      // closed by a later owner, because this one died
	Error     string
}

// A Run is one line of the history of runs.
type Run struct {
	ID       string
	Strategy string
	State    RunState
	Owner    Owner
	Reason   string    // why somebody wanted it, see seq.Because
	Epoch    int64     // of the lease it last ran under
	Started  time.Time // by the store's clock; ignored when written
	Finished time.Time // zero while it is not over; ignored when written
}

// A Token tells one attempt, or one acquisition, from every other.
type Token [16]byte

// NewToken returns a random token.
func NewToken() Token {
	var t Token
	_, _ = rand.Read(t[:]) // documented never to fail
	return t
}

// IsZero reports whether the token is no token.
func (t Token) IsZero() bool { return t == Token{} }

// String is the token in hexadecimal; "" for the zero token.
func (t Token) String() string {
	if t.IsZero() {
		return ""
	}
	return hex.EncodeToString(t[:])
}

// ParseToken is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParseToken(s string) (Token, error) {
	var t Token
	if s == "" {
		return t, nil
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(t) {
		return t, fmt.Errorf("%w: token %.100q", ErrUnknownValue, s)
	}
	return Token(b), nil
}
