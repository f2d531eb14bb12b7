package seqtest

import (
	"context"
	"errors"
	"sync"

	"github.com/sequencer-go/seq/store"
)

// ErrCrashed is what every call of a [Store] returns after the process it stands for has died.
var ErrCrashed = errors.New("seqtest: crashed")

// A Store is a ledger in memory that writes down the calls it gets, and can fail or crash at a
// chosen write. Writes are the calls of Write, and of Atomic once fn has returned without an
// error; they are counted from 1.
type Store struct {
	inner *store.Memory

	mu      sync.Mutex
	calls   []string
	writes  int
	fail    map[int]error
	deaf    int
	crash   int
	applied bool // the write that crashed was committed, only not acknowledged
	crashed bool
	leases  map[string]store.Lease // the latest of each name
}

// NewStore returns an empty ledger.
func NewStore() *Store {
	return &Store{inner: store.NewMemory(), fail: map[int]error{}, leases: map[string]store.Lease{}}
}

// FailWrite makes the k-th write fail with err, and write nothing.
func (s *Store) FailWrite(k int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[k] = err
}

// DeafAfter makes the k-th write take effect, but fail with an error that matches
// [seq.ErrUnknownOutcome], as when the answer to a commit is lost.
func (s *Store) DeafAfter(k int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = k
}

// CrashBefore makes the process die at the k-th write: it writes nothing, and from then on every
// call fails with [ErrCrashed].
func (s *Store) CrashBefore(k int) { s.crashAt(k, false) }

// CrashAfter makes the process die at the k-th write, when it is committed and not yet
// acknowledged: the call fails with [ErrCrashed], and so does every later one.
func (s *Store) CrashAfter(k int) { s.crashAt(k, true) }

func (s *Store) crashAt(k int, applied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash, s.applied = k, applied
}

// Restart makes the store answer again, as to a new process that has waited until the lease of
// the dead one expired. What was planned to fail or crash is forgotten; the count goes on.
func (s *Store) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crashed, s.crash, s.deaf, s.fail = false, 0, 0, map[int]error{}
	for _, lease := range s.leases {
		_ = s.inner.Release(context.Background(), lease) // memory fails only when it is closed
	}
}

// Calls lists the names of the methods that were called, in order.
func (s *Store) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// Writes is how many writes there were.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *Store) called(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, name)
	if s.crashed {
		return ErrCrashed
	}
	return nil
}

// write counts a write and says whether to do it and what to answer.
func (s *Store) write() (do bool, answer error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed {
		return false, ErrCrashed
	}
	s.writes++
	if err := s.fail[s.writes]; err != nil {
		return false, err
	}
	if s.deaf == s.writes {
		return true, store.ErrUnknownOutcome
	}
	if s.crash == s.writes {
		s.crashed = true
		return s.applied, ErrCrashed
	}
	return true, nil
}

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context) ([]store.Entry, error) {
	if err := s.called("Load"); err != nil {
		return nil, err
	}
	return s.inner.Load(ctx)
}

// Brief implements [store.Briefer].
func (s *Store) Brief(ctx context.Context, each func(store.Entry)) ([]string, error) {
	if err := s.called("Brief"); err != nil {
		return nil, err
	}
	return s.inner.Brief(ctx, each)
}

// History implements [store.Reader].
func (s *Store) History(ctx context.Context, id string, page store.Page) ([]store.Attempt, error) {
	if err := s.called("History"); err != nil {
		return nil, err
	}
	return s.inner.History(ctx, id, page)
}

// RunAttempts implements [store.Reader].
func (s *Store) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	if err := s.called("RunAttempts"); err != nil {
		return nil, err
	}
	return s.inner.RunAttempts(ctx, run, after, limit)
}

// Runs implements [store.Reader].
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	if err := s.called("Runs"); err != nil {
		return nil, err
	}
	return s.inner.Runs(ctx, page)
}

// UnfinishedRuns implements [store.Reader].
func (s *Store) UnfinishedRuns(ctx context.Context) ([]store.Run, error) {
	if err := s.called("UnfinishedRuns"); err != nil {
		return nil, err
	}
	return s.inner.UnfinishedRuns(ctx)
}

// LookupRun implements [store.Reader].
func (s *Store) LookupRun(ctx context.Context, id string) (store.Run, bool, error) {
	if err := s.called("LookupRun"); err != nil {
		return store.Run{}, false, err
	}
	return s.inner.LookupRun(ctx, id)
}

// Holder implements [store.Reader].
func (s *Store) Holder(ctx context.Context, name string) (*store.LeaseError, error) {
	if err := s.called("Holder"); err != nil {
		return nil, err
	}
	return s.inner.Holder(ctx, name)
}

// Leases implements [store.Reader].
func (s *Store) Leases(ctx context.Context) ([]store.LeaseError, error) {
	if err := s.called("Leases"); err != nil {
		return nil, err
	}
	return s.inner.Leases(ctx)
}

// Identity implements [store.Reader].
func (s *Store) Identity(ctx context.Context) (store.Token, error) {
	if err := s.called("Identity"); err != nil {
		return store.Token{}, err
	}
	return s.inner.Identity(ctx)
}

// Acquire implements [store.Store].
func (s *Store) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	if err := s.called("Acquire"); err != nil {
		return store.Lease{}, err
	}
	lease, err := s.inner.Acquire(ctx, name, owner)
	if err == nil {
		s.mu.Lock()
		s.leases[name] = lease
		s.mu.Unlock()
	}
	return lease, err
}

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, lease store.Lease) error {
	if err := s.called("Renew"); err != nil {
		return err
	}
	return s.inner.Renew(ctx, lease)
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, lease store.Lease) error {
	if err := s.called("Release"); err != nil {
		return err
	}
	return s.inner.Release(ctx, lease)
}

// Revoke implements [store.Store].
func (s *Store) Revoke(ctx context.Context, name string) error {
	if err := s.called("Revoke"); err != nil {
		return err
	}
	return s.inner.Revoke(ctx, name)
}

// Ask implements [store.Store].
func (s *Store) Ask(ctx context.Context, request store.Control) error {
	if err := s.called("Ask"); err != nil {
		return err
	}
	return s.inner.Ask(ctx, request)
}

// Answer implements [store.Store].
func (s *Store) Answer(ctx context.Context, lease store.Lease, answer store.Answer) error {
	if err := s.called("Answer"); err != nil {
		return err
	}
	return s.inner.Answer(ctx, lease, answer)
}

// Controls implements [store.Reader].
func (s *Store) Controls(ctx context.Context) ([]store.Control, error) {
	if err := s.called("Controls"); err != nil {
		return nil, err
	}
	return s.inner.Controls(ctx)
}

// Control implements [store.Reader].
func (s *Store) Control(ctx context.Context, id string) (store.Control, error) {
	if err := s.called("Control"); err != nil {
		return store.Control{}, err
	}
	return s.inner.Control(ctx, id)
}

// Write implements [store.Store].
func (s *Store) Write(ctx context.Context, lease store.Lease, batch store.Batch) ([]string, error) {
	if err := s.called("Write"); err != nil {
		return nil, err
	}
	do, answer := s.write()
	if !do {
		return nil, answer
	}
	refused, err := s.inner.Write(ctx, lease, batch)
	return refused, errors.Join(answer, err)
}

// Atomic implements [store.Store].
func (s *Store) Atomic(ctx context.Context, lease store.Lease, claim store.Claim, fn func(context.Context) (store.Batch, error)) ([]string, error) {
	if err := s.called("Atomic"); err != nil {
		return nil, err
	}
	var answer error
	refused, err := s.inner.Atomic(ctx, lease, claim, func(ctx context.Context) (store.Batch, error) {
		batch, err := fn(ctx)
		if err != nil {
			return batch, err
		}
		var do bool
		if do, answer = s.write(); !do {
			return batch, answer
		}
		return batch, nil
	})
	if err == nil {
		err = answer
	}
	return refused, err
}
