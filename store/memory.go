// Package store has the ledger in memory; the durable ones are in store/sqlite and
// store/postgres, both over store/bunstore.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
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
	block   []line     // the next lines come from here
	owner   *seq.Owner // of the latest claim
	runs    []seq.Run
	lease   seq.Lease
	holder  seq.Owner
	since   time.Time
	expires time.Time
}

// line is what the ledger knows of one op.
type line struct {
	seq.Entry
	attempts []attempt
	first    [1]attempt // most ops need one
}

// attempt is a seq.Attempt without what its line or others say too: there may be a million.
type attempt struct {
	number            int
	direction         seq.Direction
	state             seq.State
	lost              bool
	run, err          string
	owner             *seq.Owner
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

// Load implements [seq.Store].
func (m *Memory) Load(ctx context.Context) ([]seq.Entry, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	entries := make([]seq.Entry, 0, len(m.lines))
	for l := range maps.Values(m.lines) {
		entries = append(entries, l.Entry)
	}
	return entries, nil
}

// History implements [seq.Store].
func (m *Memory) History(ctx context.Context, id string) ([]seq.Attempt, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	l := m.lines[id]
	if l == nil {
		return nil, nil
	}
	history := make([]seq.Attempt, len(l.attempts))
	for i, a := range l.attempts {
		history[i] = seq.Attempt{
			ID: id, Number: a.number, Direction: a.direction, Run: a.run, Owner: *a.owner,
			Started: a.started, Finished: a.finished, State: a.state, Lost: a.lost, Error: a.err,
		}
	}
	return history, nil
}

// Runs implements [seq.Store].
func (m *Memory) Runs(ctx context.Context, limit int) ([]seq.Run, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	latest := slices.Clone(m.runs)
	slices.Reverse(latest)
	return latest[:min(max(limit, 0), len(latest))], nil
}

// Holder implements [seq.Store].
func (m *Memory) Holder(ctx context.Context) (*seq.LeaseError, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.heldAt(m.clock.Now()), nil
}

// heldAt says who holds the lease, nil if nobody does.
func (m *Memory) heldAt(now time.Time) *seq.LeaseError {
	if m.lease.Holder.IsZero() || !now.Before(m.expires) {
		return nil
	}
	return &seq.LeaseError{Holder: m.holder, Since: m.since, Expires: m.expires.Sub(now)}
}

// Acquire implements [seq.Store].
func (m *Memory) Acquire(ctx context.Context, owner seq.Owner) (seq.Lease, error) {
	if err := m.enter(ctx); err != nil {
		return seq.Lease{}, err
	}
	defer m.mu.Unlock()
	now := m.clock.Now()
	if held := m.heldAt(now); held != nil {
		return seq.Lease{}, held
	}
	m.lease = seq.Lease{Epoch: m.lease.Epoch + 1, Holder: seq.NewToken(), TTL: LeaseTTL}
	m.holder, m.since, m.expires = owner, now, now.Add(LeaseTTL)
	return m.lease, nil
}

// Renew implements [seq.Store].
func (m *Memory) Renew(ctx context.Context, lease seq.Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.lease != lease {
		return seq.ErrLeaseLost
	}
	m.expires = m.clock.Now().Add(LeaseTTL)
	return nil
}

// Release implements [seq.Store].
func (m *Memory) Release(ctx context.Context, lease seq.Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.lease == lease {
		m.lease.Holder = seq.Token{}
	}
	return nil
}

// Write implements [seq.Store].
func (m *Memory) Write(ctx context.Context, lease seq.Lease, b seq.Batch) ([]string, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.apply(lease, b)
}

// Atomic implements [seq.Store]. Other writers are not held up while fn runs.
func (m *Memory) Atomic(ctx context.Context, lease seq.Lease, claim seq.Claim, fn func(context.Context) (seq.Batch, error)) ([]string, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	open := m.isOpen(claim.ID, claim.Token)
	m.mu.Unlock()
	if !open {
		return nil, seq.ErrFenced
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
		return nil, seq.ErrFenced
	}
	return m.apply(lease, batch)
}

func (m *Memory) isOpen(id string, token seq.Token) bool { return m.lines[id].isOpen(token) }

func (l *line) isOpen(token seq.Token) bool {
	return l != nil && !token.IsZero() && l.Token == token
}

// apply makes the changes of a batch, item by item.
func (m *Memory) apply(lease seq.Lease, b seq.Batch) (refused []string, err error) {
	current, now := m.lease == lease && !lease.Holder.IsZero(), m.clock.Now()
	check := func(id string, ok bool) {
		if !ok {
			refused = append(refused, id)
		}
	}
	for i := range b.Outcomes {
		check(b.Outcomes[i].ID, m.settle(lease, current, now, &b.Outcomes[i]))
	}
	for _, s := range b.Saves {
		open := m.isOpen(s.ID, s.Token)
		if open {
			m.lines[s.ID].Saved = slices.Clone(s.Data)
		}
		check(s.ID, open)
	}
	for _, p := range b.Headway {
		open := m.isOpen(p.ID, p.Token)
		if open {
			m.lines[p.ID].Done, m.lines[p.ID].Total = p.Done, p.Total
		}
		check(p.ID, open)
	}
	for i := range b.Marks {
		check(b.Marks[i].ID, current && m.mark(&b.Marks[i]))
	}
	for i := range b.Claims {
		check(b.Claims[i].ID, current && m.claim(lease, now, &b.Claims[i]))
	}
	if b.Run != nil && current {
		m.putRun(lease, b.Run)
	}
	if !current && (b.Run != nil || len(b.Marks) > 0 || len(b.Claims) > 0 || slices.ContainsFunc(b.Outcomes, func(o seq.Outcome) bool { return o.Lost })) {
		err = fmt.Errorf("write: %w", seq.ErrLeaseLost)
	}
	return refused, err
}

func (m *Memory) settle(lease seq.Lease, current bool, now time.Time, o *seq.Outcome) bool {
	e := m.lines[o.ID]
	if !e.isOpen(o.Token) {
		return false
	}
	if o.Lost && (!current || e.Fence >= lease.Epoch) {
		return false
	}
	e.State, e.Token, e.Error = o.State, seq.Token{}, o.Error
	if o.Seq != 0 {
		e.Seq = o.Seq
	}
	if o.Saved != nil {
		e.Saved = slices.Clone(o.Saved)
	}
	if e.Crashes++; !o.Lost {
		e.Crashes = 0
	}
	a := &e.attempts[len(e.attempts)-1]
	a.finished, a.state, a.lost, a.err = now, o.State, o.Lost, o.Error
	return true
}

func (m *Memory) mark(k *seq.Mark) bool {
	e := m.lines[k.ID]
	if e == nil {
		if k.Attempt != 0 {
			return false
		}
		e = m.add(k.ID)
	}
	if !e.Token.IsZero() || e.Attempt != k.Attempt {
		return false
	}
	e.State, e.Run, e.NotBefore, e.Error = k.State, k.Run, k.NotBefore, k.Reason
	e.Seq, e.Checksum = cmp.Or(k.Seq, e.Seq), cmp.Or(k.Checksum, e.Checksum)
	if k.Seq != 0 {
		e.Fence = 0
	}
	return true
}

func (m *Memory) claim(lease seq.Lease, now time.Time, c *seq.Claim) bool {
	e := m.lines[c.ID]
	if e == nil {
		if c.Attempt != 1 {
			return false
		}
		e = m.add(c.ID)
	}
	if !e.Token.IsZero() || e.Attempt != c.Attempt-1 {
		return false
	}
	e.State = seq.Running
	if c.Direction == seq.Rollback {
		e.State = seq.RollingBack
	} else {
		e.Seq = 0
	}
	e.Run, e.Delivery, e.Generation, e.Attempt = c.Run, c.Delivery, c.Generation, c.Attempt
	e.Token, e.Fence, e.Checksum, e.Done, e.Total = c.Token, lease.Epoch, c.Checksum, 0, 0
	if m.owner == nil || *m.owner != c.Owner {
		owner := c.Owner
		m.owner = &owner
	}
	e.attempts = append(e.attempts, attempt{
		number: c.Attempt, direction: c.Direction, run: c.Run, owner: m.owner, started: now, state: e.State,
	})
	return true
}

func (m *Memory) putRun(lease seq.Lease, r *seq.Run) {
	now := m.clock.Now()
	i := slices.IndexFunc(m.runs, func(have seq.Run) bool { return have.ID == r.ID })
	if i < 0 {
		i = len(m.runs)
		m.runs = append(m.runs, seq.Run{ID: r.ID, Started: now})
	}
	have := &m.runs[i]
	have.Strategy, have.State, have.Owner, have.Epoch, have.Finished = r.Strategy, r.State, r.Owner, lease.Epoch, time.Time{}
	if r.State.Final() {
		have.Finished = now
	}
}
