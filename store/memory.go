// Package store has the ledger in memory; the durable ones are in store/sqlite and
// store/postgres, both over store/bunstore.
package store

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// Memory is a ledger that lives as long as its process: for tests, and for work that should run
// at each start. It keeps every promise a store makes but durability; a Transactional op's
// function runs with the ledger's own outcome atomic, its other effects are its own affair.
// It is safe for concurrent use; several sequencers may share it.
type Memory struct {
	clock clock.Clock

	mu      sync.Mutex
	closed  bool
	lines   map[string]*line
	block   []line // the next lines come from here
	owner   *Owner // of the latest claim
	runs    []Run
	leases  map[string]*held
	asked   map[string]*Control
	created Token // the ledger's identity; zero until the first Acquire

	completed, started int64 // the latest numbers of a completion and of a run
}

// held is a lease of one name, also when nobody holds it.
type held struct {
	lease   Lease
	owner   Owner
	since   time.Time
	expires time.Time
}

// line is what the ledger knows of one op.
type line struct {
	Entry
	attempts []attempt
	first    [1]attempt // most ops need one
}

// attempt is a seq.Attempt without what its line or others say too: there may be a million.
type attempt struct {
	number            int
	direction         Direction
	state             State
	lost, interrupted bool
	withdrawn         bool
	permanent         bool
	run, err          string
	owner             *Owner
	started, finished time.Time
}

// add makes the line of an op that has none.
func (m *Memory) add(id string) *line {
	if len(m.block) == 0 {
		m.block = make([]line, min(max(len(m.lines), 8), 1024))
	}
	l := &m.block[0]
	m.block = m.block[1:]
	l.ID, l.attempts = id, l.first[:0]
	m.lines[id] = l
	return l
}

// LeaseTTL is how long a lease on a Memory lasts without being renewed.
const LeaseTTL = 15 * time.Second

// ErrClosed means that the store was closed.
var ErrClosed = errors.New("the store is closed")

// NewMemory returns an empty ledger.
func NewMemory() *Memory {
	return &Memory{clock: clock.Wall(), lines: map[string]*line{}, leases: map[string]*held{}, asked: map[string]*Control{}}
}

// Close makes every later call fail with [ErrClosed].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// enter locks the ledger, unless it is closed or ctx has ended.
func (m *Memory) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return ErrClosed
	}
	return nil
}

// Load implements [Store].
func (m *Memory) Load(ctx context.Context) ([]Entry, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	entries := make([]Entry, 0, len(m.lines))
	for l := range maps.Values(m.lines) {
		entries = append(entries, l.Entry)
	}
	return entries, nil
}

// Select implements [Selector].
func (m *Memory) Select(ctx context.Context, ids []string) ([]Entry, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	entries := make([]Entry, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if l := m.lines[id]; l != nil && !seen[id] {
			seen[id] = true
			entries = append(entries, l.Entry)
		}
	}
	return entries, nil
}

// Brief implements [Briefer].
func (m *Memory) Brief(ctx context.Context, each func(Entry)) (sagas []string, err error) {
	entries, err := m.Load(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := m.UnfinishedRuns(ctx)
	for _, r := range runs {
		if r.Saga {
			sagas = append(sagas, r.ID)
		}
	}
	for _, e := range entries {
		each(e)
	}
	return sagas, err
}

// History implements [Reader].
func (m *Memory) History(ctx context.Context, id string, page Page) ([]Attempt, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	l := m.lines[id]
	if l == nil {
		return nil, nil
	}
	var history []Attempt
	for i := len(l.attempts) - 1; i >= 0 && len(history) < page.Limit; i-- {
		if a := &l.attempts[i]; page.Before == 0 || int64(a.number) < page.Before {
			history = append(history, a.of(id))
		}
	}
	return history, nil
}

func (a *attempt) of(id string) Attempt {
	return Attempt{
		ID: id, Number: a.number, Direction: a.direction, Run: a.run, Owner: *a.owner,
		Started: a.started, Finished: a.finished, State: a.state, Error: a.err,
		Lost: a.lost, Interrupted: a.interrupted, Withdrawn: a.withdrawn, Permanent: a.permanent,
	}
}

// RunAttempts implements [Reader]. It looks at all that is there.
func (m *Memory) RunAttempts(ctx context.Context, run string, after Position, limit int) ([]Attempt, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []Attempt
	for id, l := range m.lines {
		for i := range l.attempts {
			if a := &l.attempts[i]; a.run == run && after.before(Position{id, a.number}) {
				found = append(found, a.of(id))
			}
		}
	}
	slices.SortFunc(found, func(a, b Attempt) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Number, b.Number))
	})
	return found[:min(max(limit, 0), len(found))], nil
}

func (p Position) before(q Position) bool {
	return p.ID < q.ID || p.ID == q.ID && p.Number < q.Number
}

// Runs implements [Reader].
func (m *Memory) Runs(ctx context.Context, page Page) ([]Run, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var latest []Run
	for i := len(m.runs) - 1; i >= 0 && len(latest) < page.Limit; i-- {
		if page.Before == 0 || m.runs[i].Number < page.Before {
			latest = append(latest, m.runs[i])
		}
	}
	return latest, nil
}

// UnfinishedRuns implements [Reader].
func (m *Memory) UnfinishedRuns(ctx context.Context) ([]Run, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var runs []Run
	for i := range m.runs {
		if m.runs[i].Unfinished() {
			runs = append(runs, m.runs[i])
		}
	}
	slices.Reverse(runs)
	return runs, nil
}

// LookupRun implements [Reader].
func (m *Memory) LookupRun(ctx context.Context, id string) (Run, bool, error) {
	if err := m.enter(ctx); err != nil {
		return Run{}, false, err
	}
	defer m.mu.Unlock()
	for i := range m.runs {
		if m.runs[i].ID == id {
			return m.runs[i], true, nil
		}
	}
	return Run{}, false, nil
}

// Holder implements [Reader].
func (m *Memory) Holder(ctx context.Context, name string) (*LeaseError, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.heldAt(name, m.clock.Now()), nil
}

// Leases implements [Reader].
func (m *Memory) Leases(ctx context.Context) ([]LeaseError, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.allHeld(), nil
}

func (m *Memory) allHeld() []LeaseError {
	now := m.clock.Now()
	var all []LeaseError
	for _, name := range slices.Sorted(maps.Keys(m.leases)) {
		if h := m.heldAt(name, now); h != nil {
			all = append(all, *h)
		}
	}
	return all
}

// heldAt says who holds a lease, nil if nobody does.
func (m *Memory) heldAt(name string, now time.Time) *LeaseError {
	h := m.leases[name]
	if h == nil || h.lease.Holder.IsZero() || !now.Before(h.expires) {
		return nil
	}
	return &LeaseError{Name: name, Holder: h.owner, Since: h.since, Expires: h.expires.Sub(now)}
}

// isCurrent reports whether a lease is the latest of its name, and was not given back.
func (m *Memory) isCurrent(lease Lease) bool {
	h := m.leases[lease.Name]
	return h != nil && !lease.Holder.IsZero() && h.lease.Holder == lease.Holder && h.lease.Epoch == lease.Epoch
}

// Identity implements [Reader].
func (m *Memory) Identity(ctx context.Context) (Token, error) {
	if err := m.enter(ctx); err != nil {
		return Token{}, err
	}
	defer m.mu.Unlock()
	return m.created, nil
}

// RenewIdentity implements [Maintainer].
func (m *Memory) RenewIdentity(ctx context.Context, lease Lease) (Token, error) {
	if err := m.enter(ctx); err != nil {
		return Token{}, err
	}
	defer m.mu.Unlock()
	if lease.Name != RunLease || !m.isCurrent(lease) {
		return Token{}, ErrLeaseLost
	}
	for _, other := range m.allHeld() {
		if other.Name != RunLease {
			return Token{}, &other
		}
	}
	m.created = NewToken()
	return m.created, nil
}

// Acquire implements [Store].
func (m *Memory) Acquire(ctx context.Context, name string, owner Owner) (Lease, error) {
	if err := CheckLeaseName(name); err != nil {
		return Lease{}, err
	}
	if err := m.enter(ctx); err != nil {
		return Lease{}, err
	}
	defer m.mu.Unlock()
	now := m.clock.Now()
	if held := cmp.Or(m.heldAt(name, now), HeldBack(m.control(name), owner, now)); held != nil {
		return Lease{}, held
	}
	if m.created.IsZero() {
		m.created = NewToken()
	}
	h := m.leases[name]
	if h == nil {
		h = &held{}
		m.leases[name] = h
	}
	h.lease = Lease{Name: name, Epoch: h.lease.Epoch + 1, Holder: NewToken(), TTL: LeaseTTL, Identity: m.created}
	h.owner, h.since, h.expires = owner, now, now.Add(LeaseTTL)
	return h.lease, nil
}

// Renew implements [Store].
func (m *Memory) Renew(ctx context.Context, lease Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if !m.isCurrent(lease) {
		return ErrLeaseLost
	}
	m.leases[lease.Name].expires = m.clock.Now().Add(LeaseTTL)
	return nil
}

// Release implements [Store].
func (m *Memory) Release(ctx context.Context, lease Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.isCurrent(lease) {
		h := m.leases[lease.Name]
		h.lease.Holder, h.expires = Token{}, m.clock.Now()
	}
	return nil
}

// Write implements [Store].
func (m *Memory) Write(ctx context.Context, lease Lease, b Batch) ([]string, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.apply(lease, b)
}

// Atomic implements [Store]. Other writers are not held up while fn runs.
func (m *Memory) Atomic(ctx context.Context, lease Lease, claim Claim, fn func(context.Context) (Batch, error)) ([]string, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	open, asked := m.isOpen(claim.ID, claim.Token), m.control(claim.ID)
	m.mu.Unlock()
	if !open {
		return nil, ErrFenced
	}
	if claim.Steered {
		ctx = WithControl(ctx, asked)
	}
	batch, err := fn(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.enter(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if !m.isOpen(claim.ID, claim.Token) {
		return nil, ErrFenced
	}
	return m.apply(lease, batch)
}

func (m *Memory) isOpen(id string, token Token) bool { return m.lines[id].isOpen(token) }

func (l *line) isOpen(token Token) bool {
	return l != nil && !token.IsZero() && l.Token == token
}
