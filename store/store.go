package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"
)

// A Store is the ledger: what ran, what is running, and who may run. For its namespace it holds
// leases, the runs, one [Entry] per op that was ever touched, and one [Attempt] per time somebody
// set out to do or undo an op.
//
// All writes are compare-and-set; that, and no lock, is what keeps the promises. Methods are safe
// for concurrent use, by any number of processes where the medium allows it. seqtest.TestStore
// holds an implementation to this contract.
type Store interface {
	Reader

	// Acquire takes the lease of this name if it is free or has expired by the store's own clock,
	// and creates what the ledger needs on first use. Each acquisition of a name has a larger Epoch
	// than all before. If somebody holds it, the error is a *[LeaseError] that matches
	// [ErrLeaseHeld]; so it does, with Held set, while a request holds the lease for another Actor than
	// the owner's, see [Control]. A name is 1 to 200 letters, digits and . _ : / - long; the error of any
	// other matches [ErrUnknownValue].
	Acquire(ctx context.Context, name string, owner Owner) (Lease, error)
	// Renew makes the lease last its TTL from now. It fails with an error matching
	// [ErrLeaseLost] once somebody else has taken it.
	Renew(ctx context.Context, lease Lease) error
	// Release gives the lease back, so that the next one need not wait for it to expire.
	// Releasing a lease that is lost or was released does nothing.
	Release(ctx context.Context, lease Lease) error

	// Revoke takes a lease away from whoever has it, also if it has expired and could be renewed: the next
	// acquisition has a larger Epoch, and what needs the lease is refused from now on. An attempt that is
	// open under it stays so: its owner may report, and the next holder may close it as lost. Revoke does
	// nothing if nobody has the lease.
	Revoke(ctx context.Context, name string) error

	// Ask writes a request. It needs no lease. It is refused, with an error that matches [ErrAsked],
	// unless its Number is one more than that of the latest request of this ID, and if that is WantCancel.
	// Of the Control it takes the fields down to Reason, see [CleanRequest]; what is wrong in them is an
	// error that matches [ErrUnknownValue]. It creates what the ledger needs on first use. If it fails in
	// any other way, Control tells whether the request was written.
	Ask(ctx context.Context, request Control) error
	// Answer acknowledges a request, and says why the op does not move. If the lease is not current it
	// changes nothing, and the error matches [ErrLeaseLost]. One for an ID of which nothing was ever
	// asked keeps the note, in a Control whose Number is 0. An ID that no Control has is an error that
	// matches [ErrUnknownValue].
	Answer(ctx context.Context, lease Lease, answer Answer) error

	// Write applies a batch in one transaction. See [Batch] for what is refused: refused lists
	// the IDs of the items that were, nil in the ordinary case. If the lease is not current any
	// more, everything that needs it is refused, the rest is written, and the error matches
	// [ErrLeaseLost]. Any other error means that nothing was written, unless it matches
	// [ErrUnknownOutcome].
	Write(ctx context.Context, lease Lease, batch Batch) (refused []string, err error)
	// Atomic runs fn in a transaction that fn's ctx carries, and commits what fn did together
	// with the batch that fn returns. claim is open, and stays locked until the commit, or, if it is
	// Steered, is looked at again with the batch, so that calls of Atomic for one claim may overlap. If it
	// is not open any more, fn is not called, or what it did is undone, and the error matches [ErrFenced]. A batch without an
	// Outcome for claim leaves it open, for another call of Atomic: so a long op commits its work
	// piece by piece, each piece with what it saved. If fn returns an error nothing is kept and
	// that error is returned. If fn ended the transaction behind the store's back, nothing is
	// recorded and the error matches [ErrTxBroken]. The end of ctx stops fn, never the commit.
	Atomic(ctx context.Context, lease Lease, claim Claim, fn func(ctx context.Context) (Batch, error)) (refused []string, err error)
}

// A Reader reads a ledger. Its methods never lock and never write, also before the ledger exists:
// then they find nothing.
//
// A ledger may hold words that this library does not know, because a newer one wrote them. What
// has one is read with the state [UnknownState], or [UnknownRun], and says in its field Unknown
// which word it is. A value that no library can have written is an error.
type Reader interface {
	// Load reads every entry, in any order, in one query.
	Load(ctx context.Context) ([]Entry, error)
	// History reads a page of the attempts of one op, by [Attempt] Number.
	History(ctx context.Context, id string, page Page) ([]Attempt, error)
	// RunAttempts reads attempts that were made in one run, in the order of their IDs and then of
	// their numbers: at most limit of them, and only those after a position, of which the zero
	// value stands before all. It costs what it answers with, however long the ledger.
	RunAttempts(ctx context.Context, run string, after Position, limit int) ([]Attempt, error)
	// Runs reads a page of the runs, by [Run] Number.
	Runs(ctx context.Context, page Page) ([]Run, error)
	// UnfinishedRuns reads the runs that are not over, the newest first: see [Run] Unfinished. It costs
	// what it answers with, however many runs there are.
	UnfinishedRuns(ctx context.Context) ([]Run, error)
	// LookupRun reads one run. It reports false if the ledger does not know it.
	LookupRun(ctx context.Context, id string) (Run, bool, error)
	// Holder says who holds the lease of a name now, nil if nobody does.
	Holder(ctx context.Context, name string) (*LeaseError, error)
	// Controls reads what is asked of all ops and leases, and what was answered, in the order of their IDs.
	Controls(ctx context.Context) ([]Control, error)
	// Control reads what is asked of one; the zero Control with this ID if nothing ever was.
	Control(ctx context.Context, id string) (Control, error)
	// Leases lists the leases that somebody holds now, in the order of their names.
	Leases(ctx context.Context) ([]LeaseError, error)
	// Identity is the random name of this ledger; zero before the first Acquire. See [Lease].
	Identity(ctx context.Context) (Token, error)
}

// A Page bounds what is read of a list, which is told from the newest on.
type Page struct {
	Before int64 // only what has a smaller number; 0 begins with the newest
	Limit  int   // at most that many; none if it is not positive
}

// A Position is a place in a list of attempts, that of the attempt Number at the op ID.
type Position struct {
	ID     string
	Number int
}

// A Briefer is a [Store] that can say in fewer words what is left to do. Every start of a process asks
// that, and mostly the answer is: nothing.
type Briefer interface {
	// Brief calls each with what Load reads, but of an entry whose State is Done only ID, State and
	// Checksum need be set, and answers with the IDs of the sagas that are not over, also of one that is
	// under way. It is one query. If it fails, it may have called each before.
	Brief(ctx context.Context, each func(Entry)) (sagas []string, err error)
}

// A Pooled is a [Store] whose connections are limited.
type Pooled interface {
	// MaxConnections is how many connections the store may have open at a time; 0 means any number.
	MaxConnections() int
}

// A Maintainer is a [Store] that can be looked after.
type Maintainer interface {
	// Prune removes what nobody needs any more, in one short transaction, beside whatever is going
	// on. Call it until it answers that there is no more. See [Retention] for what stays.
	Prune(ctx context.Context, keep Retention) (Pruned, error)
	// RenewIdentity gives the ledger another identity, as a copy of a database needs one. It takes
	// the lease named [RunLease], and fails with an error that matches [ErrLeaseLost] if that is
	// not current. If somebody holds any other lease the error matches [ErrLeaseHeld].
	RenewIdentity(ctx context.Context, lease Lease) (Token, error)
}

// A Retention says what [Maintainer] Prune may remove: runs that are over, attempts that a later
// one has superseded, and lives that have ended, if that was long enough ago.
//
// What something rests on stays, however old: the last attempt of each op; every attempt of an op
// that is open, indeterminate, or to be undone; one that was indeterminate, of an op that is not
// done; every attempt in the run that moved its op last, unless the op is done; a run that is not
// over, and its attempts; a run that such an op names; the latest run of all; whatever has an
// unknown word; and every [Control], for a cancelled op stays cancelled.
type Retention struct {
	Age   time.Duration // since it finished, by the store's clock
	Runs  int           // the newest runs, that stay whatever their age
	Limit int           // how many rows of a kind one call removes; 0 means 1000
}

// Pruned says what one call of Prune removed.
type Pruned struct {
	Attempts, Runs, Lives int
	More                  bool // there may be more to remove
}

// RunLease is the name of the lease that runs are made under: whoever holds it does the deploy's
// work. A lease of another name is independent of it. It is for work beside deploys, and for
// lives.
const RunLease = "run"

// LanePrefix is what the name of a lease begins with that ops in the background are worked on under.
const LanePrefix = "lane:"

// WorkerPrefix is what the name of a life begins with whose process works on ops in the background.
const WorkerPrefix = LifePrefix + "worker:"

// LifePrefix is what the name of a lease begins with that is the life of a process. See [Claim].
const LifePrefix = "life:"

// NewLife is the name of a life that nobody had before.
func NewLife() string { return LifePrefix + NewToken().String() }

// A Lease is the right of one process to work under a name, for as long as it renews it. Every write
// carries it. It keeps others waiting, and tells apart who claimed before from who claims now; what
// makes a write safe is the entry's token.
type Lease struct {
	Name     string        // what was asked for
	Epoch    int64         // grows with each acquisition of the name; the fencing token
	Holder   Token         // random per acquisition
	TTL      time.Duration // from one renewal until somebody else may take over
	Identity Token         // of the ledger: random, made with it, see [Maintainer]
}

// An Owner says who holds a lease or made an attempt. It is for people.
type Owner struct {
	Host     string
	PID      int
	Revision string // of the binary, from its build information; may be empty
	Binary   string // the same only for the same binary; may be empty
	Actor    string // the person who asked for it, see seq.By; may be empty
}

// Batch is a set of changes for one transaction. Each item is checked by itself, so one that is
// refused does not stop the others. Order: outcomes, then saves, headway, marks and claims, then
// the run. A batch is the caller's: a store keeps nothing of its slices.
//
// Marks, claims, the run and outcomes that are Lost need the current lease. Marks, claims and Lost
// outcomes are refused for an entry that has an unknown word.
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
	Unknown    string    // the word that this library does not know, if State is UnknownState
	Run        string    // the run that moved it last
	Delivery   Delivery  // as of the last claim
	Generation int       // raised by a claim that starts the op anew after it was done or undone
	Attempt    int       // claims so far, of either direction
	Crashes    int       // claims in a row whose owner died, since an attempt got further than all before it
	Failures   int       // attempts of this generation that ended failed or tolerated
	Permanent  bool      // the last outcome said that trying again is useless
	Binary     string    // of the owner of the last claim
	Token      Token     // of the open attempt; zero when there is none
	Lease      string    // the name of the lease that it was claimed under last
	Fence      int64     // and its epoch
	Life       string    // of the process that claimed it last; may be empty
	Seq        int64     // order of completion; 0 unless it was done or undone
	NotBefore  time.Time // when it is due; zero when it has no schedule
	Saved      []byte    // what Run saved in this generation
	Checksum   string    // of the op's source as of the last claim or import; may be empty
	Done       int64     // how far it had come by its last report in this generation, see seq.Progress
	Total      int64     // of how much; 0 if it is not known
	Best       int64     // the largest Done of this generation
	Moved      time.Time // when Done was reported last in this generation, by the store's clock; zero: never
	Error      string    // of the last attempt, or the reason for a skip
}

// A Claim opens an attempt. It is refused unless the lease is current, the entry has no open
// attempt, and the entry's Attempt is one less than the claim's (0 if there is no entry yet).
// It sets the entry to Running or RollingBack, with the claim's values and the lease's name and
// epoch. If its Generation is larger than the entry's, Saved, Done, Total, Best, Moved,
// Failures and Crashes are cleared: they belong to a generation.
//
// An attempt lives as long as the lease it was claimed under is not taken again, or, if the claim
// names a Life, as long as the lease of that name is held. Only then may it be closed as Lost.
type Claim struct {
	ID         string
	Migration  bool  // the op changes the schema; a store keeps it nowhere
	Token      Token // random, so that an owner can recognise its own claim
	Direction  Direction
	Run        string
	Delivery   Delivery
	Generation int
	Attempt    int
	Owner      Owner
	Life       string // the name of a lease that the owner holds; may be empty
	Checksum   string
	Steered    bool // Atomic tells fn what is asked of the op, see [ControlOf], and the transaction may not idle longer than the lease lasts; a store keeps it nowhere
}

// An Outcome closes an attempt. It is refused unless the entry's open attempt has this Token.
//
// One that is Lost closes the attempt of an owner who died. It also needs the current lease, which
// has the name of the one that the attempt was claimed under; and a larger epoch than that, or, if
// the claim named a life, that nobody holds that life now.
//
// At most one of Lost, Interrupted, Withdrawn and Permanent is set. Without any of them an outcome
// sets Crashes to 0, and a forward one whose State is Failed or Tolerated adds 1 to Failures. The
// outcome of an attempt by hand sets Failures to 0.
//
// The store numbers completions. An outcome with State Succeeded or RolledBack gives the entry a
// Seq that is larger than that of every entry whose attempt was closed before the call began; in a
// batch, in its order. Unless the attempt was by hand, and the entry has one: that stays. Any other
// forward outcome, or one by hand, sets Seq to 0; any other of a rollback keeps it. One that is
// Withdrawn keeps it, whatever its State.
type Outcome struct {
	ID          string
	Token       Token
	State       State  // what the entry becomes
	Error       string // sanitised and cut, see [ErrorText]
	Saved       []byte // what Run saved; nil keeps what is there
	Lost        bool   // its owner died: adds 1 to Crashes
	Interrupted bool   // its run was interrupted: Crashes and Failures stay
	Withdrawn   bool   // the op was not called, or its transaction is undone: Seq, Crashes, Failures and Permanent stay
	Permanent   bool   // trying again is useless; see [Entry]
}

// A Snapshot keeps what an op saved for its rollback and its next attempt (seq.Save). It is refused
// unless the op's open attempt has this Token.
// If Data differs from what was saved before, the attempt got further, and Crashes becomes 0.
type Snapshot struct {
	ID    string
	Token Token
	Data  []byte
}

// Headway is the progress of an attempt (seq.Progress). It is refused unless the op's open attempt has
// this Token. It sets the entry's Moved, whatever Done is. If Done is larger than the entry's Best it
// becomes that, the attempt got further, and Crashes becomes 0.
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
	Seq       int64     // for an import, see [Entry]; if not 0, Fence becomes 0, older than all that ran; kept as it was if 0
	Checksum  string    // see [Entry]; kept as it was if ""
}

// An Attempt is one line of an op's history. It is made when somebody sets out, and changed once,
// with the outcome.
type Attempt struct {
	ID          string
	Number      int // counted over both directions, from 1
	Direction   Direction
	Run         string
	Owner       Owner
	Started     time.Time // by the store's clock
	Finished    time.Time // zero while it is open
	State       State     // what it led to; Running or RollingBack while it is open
	Unknown     string    // the word that this library does not know, if State is UnknownState
	Lost        bool      // these four as in its [Outcome]
	Interrupted bool
	Withdrawn   bool
	Permanent   bool
	Error       string
}

// A Run is one line of the history of runs.
type Run struct {
	ID        string
	Number    int64 // by the store, in the order in which they were first written; ignored when written
	Strategy  string
	State     RunState
	Unknown   string // the word that this library does not know, if State is UnknownRun
	Owner     Owner
	Reason    string    // why somebody wanted it, see seq.Because
	Work      string    // what it was to do, so that two runs of the same work have the same; may be empty
	Selection string    // of ops, for people; may be empty
	Saga      bool      // what it did is to be undone, unless it comes to its end
	Error     string    // why it did not succeed, in short; may be empty
	Lease     string    // the name of the lease that it ran under last; ignored when written
	Epoch     int64     // and its epoch; ignored when written
	Started   time.Time // by the store's clock; ignored when written
	Finished  time.Time // zero while it is under way; ignored when written
}

// Unfinished reports whether somebody works on the run, or has to go on with it: it was begun and has no
// end, or it is a saga that was interrupted.
func (r *Run) Unfinished() bool {
	switch r.State {
	case RunStarted, RunRollingBack, RunWaiting:
		return true
	case RunInterrupted:
		return r.Saga
	default:
		return false
	}
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
