package sim

import (
	"slices"
	"time"

	"github.com/sequencer-go/seq/store"
)

// leaseTTL is short, so that a seed sees many takeovers.
const leaseTTL = 2 * time.Second

// database is what is committed, and the transactions that are not yet.
type database struct {
	entries  map[string]*store.Entry
	attempts map[string][]store.Attempt
	runs     []store.Run
	leases   map[string]*heldLease
	controls map[string]*store.Control
	number   int64 // of the last completion
	open     []*transaction
}

func newDatabase() *database {
	return &database{entries: map[string]*store.Entry{}, attempts: map[string][]store.Attempt{}, leases: map[string]*heldLease{}, controls: map[string]*store.Control{}}
}

// heldLease is the latest acquisition of a lease; its Holder is zero when it was given back.
type heldLease struct {
	store.Lease
	expires time.Time
	by      *replica // who took it
	since   int      // the event from which on it was held without a gap
}

// lease is that of a name, made if nobody ever had it.
func (db *database) lease(name string) *heldLease {
	l := db.leases[name]
	if l == nil {
		l = &heldLease{Lease: store.Lease{Name: name}}
		db.leases[name] = l
	}
	return l
}

// held reports whether somebody holds a lease, by the database's clock.
func (l *heldLease) held(now time.Time) bool { return !l.Holder.IsZero() && now.Before(l.expires) }

// current reports whether a lease is the latest of its name, and was not given back.
func (db *database) current(l store.Lease) bool {
	return !l.Holder.IsZero() && db.lease(l.Name).Lease == l
}

// transaction is that of an op: its effects are buffered until the commit.
type transaction struct {
	owner   *replica
	row     string // locked, if this world has row locks
	touched time.Time
	aborted bool
	effects []func() // to make at the commit
}

// blocked reports whether another transaction holds a row that somebody is about to write.
func (db *database) blocked(who *replica, rows []string) bool {
	if !who.world.scenario.faults[RowLocks] {
		return false
	}
	for _, t := range db.open {
		if t.owner != who && !t.aborted && slices.Contains(rows, t.row) {
			who.world.happens(RowLocks)
			return true
		}
	}
	return false
}

// expireIdle aborts the transactions that hold locks and have been silent for too long, as a
// server does with idle_in_transaction_session_timeout.
func (db *database) expireIdle(w *World, now time.Time) {
	for _, t := range db.open {
		if !t.aborted && w.scenario.faults[RowLocks] && t.owner.pausedUntil.After(now) && now.Sub(t.touched) >= w.idleLimit() {
			t.aborted = true
			w.logf("the transaction of r%d on %s is aborted", t.owner.number, t.row)
		}
	}
}

// idleLimit is for how long a transaction may be silent: with workers, longer than it takes for a life to
// expire.
func (w *World) idleLimit() time.Duration {
	if w.mail != nil {
		return 6 * leaseTTL
	}
	return leaseTTL
}

// abortOf is what a server does when the connection is gone.
func (db *database) abortOf(r *replica) {
	for _, t := range db.open {
		if t.owner == r {
			t.aborted = true
		}
	}
}

// inTransaction reports whether a replica has a transaction open.
func (db *database) inTransaction(r *replica) bool {
	return slices.ContainsFunc(db.open, func(t *transaction) bool { return t.owner == r && !t.aborted })
}

func (db *database) close(t *transaction) {
	db.open = slices.DeleteFunc(db.open, func(o *transaction) bool { return o == t })
}

func (db *database) isOpen(id string, token store.Token) bool {
	e := db.entries[id]
	return e != nil && !token.IsZero() && e.Token == token
}

// entry is the row of an op, made if it is not there.
func (db *database) entry(id string) *store.Entry {
	e := db.entries[id]
	if e == nil {
		e = &store.Entry{ID: id}
		db.entries[id] = e
	}
	return e
}

// attempt is the line of history that is open, or the last.
func (db *database) attempt(id string) *store.Attempt {
	list := db.attempts[id]
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}

func (db *database) run(id string) *store.Run {
	i := slices.IndexFunc(db.runs, func(r store.Run) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &db.runs[i]
}
