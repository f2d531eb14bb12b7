// Package store has the ledger in memory; the durable ones are in store/sqlite and
// store/postgres, both over store/bunstore.
package store

import (
	"context"
	"errors"
	"maps"
	"slices"
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
	lease   Lease
	holder  Owner
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
	lost              bool
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
	return &Memory{clock: clock.Wall(), lines: map[string]*line{}}
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

// History implements [Store].
func (m *Memory) History(ctx context.Context, id string) ([]Attempt, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	l := m.lines[id]
	if l == nil {
		return nil, nil
	}
	history := make([]Attempt, len(l.attempts))
	for i, a := range l.attempts {
		history[i] = Attempt{
			ID: id, Number: a.number, Direction: a.direction, Run: a.run, Owner: *a.owner,
			Started: a.started, Finished: a.finished, State: a.state, Lost: a.lost, Error: a.err,
		}
	}
	return history, nil
}

// Runs implements [Store].
func (m *Memory) Runs(ctx context.Context, limit int) ([]Run, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	latest := slices.Clone(m.runs)
	slices.Reverse(latest)
	return latest[:min(max(limit, 0), len(latest))], nil
}

// Holder implements [Store].
func (m *Memory) Holder(ctx context.Context) (*LeaseError, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.heldAt(m.clock.Now()), nil
}

// heldAt says who holds the lease, nil if nobody does.
func (m *Memory) heldAt(now time.Time) *LeaseError {
	if m.lease.Holder.IsZero() || !now.Before(m.expires) {
		return nil
	}
	return &LeaseError{Holder: m.holder, Since: m.since, Expires: m.expires.Sub(now)}
}

// Acquire implements [Store].
func (m *Memory) Acquire(ctx context.Context, owner Owner) (Lease, error) {
	if err := m.enter(ctx); err != nil {
		return Lease{}, err
	}
	defer m.mu.Unlock()
	now := m.clock.Now()
	if held := m.heldAt(now); held != nil {
		return Lease{}, held
	}
	m.lease = Lease{Epoch: m.lease.Epoch + 1, Holder: NewToken(), TTL: LeaseTTL}
	m.holder, m.since, m.expires = owner, now, now.Add(LeaseTTL)
	return m.lease, nil
}

// Renew implements [Store].
func (m *Memory) Renew(ctx context.Context, lease Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.lease != lease {
		return ErrLeaseLost
	}
	m.expires = m.clock.Now().Add(LeaseTTL)
	return nil
}

// Release implements [Store].
func (m *Memory) Release(ctx context.Context, lease Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.lease == lease {
		m.lease.Holder = Token{}
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
	open := m.isOpen(claim.ID, claim.Token)
	m.mu.Unlock()
	if !open {
		return nil, ErrFenced
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
