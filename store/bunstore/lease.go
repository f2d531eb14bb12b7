package bunstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sequencer-go/seq/store"
)

// Holder implements [store.Store].
func (s *Store) Holder(ctx context.Context) (*store.LeaseError, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	seen, err := s.look(ctx)
	switch {
	case s.absent(ctx, err):
		return nil, nil
	case err != nil:
		return nil, s.explain(ctx, "look at the lease", err)
	case !seen.held():
		return nil, nil
	}
	return seen.error(), nil
}

// Acquire implements [store.Store].
func (s *Store) Acquire(ctx context.Context, owner store.Owner) (store.Lease, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lease{}, err
	}
	lease, err := s.acquire(ctx, owner)
	if errors.Is(err, store.ErrLeaseHeld) {
		return store.Lease{}, err
	}
	return lease, s.explain(ctx, "take the lease", err)
}

// acquire looks before it writes, so that those who wait do not disturb those who work.
func (s *Store) acquire(ctx context.Context, owner store.Owner) (store.Lease, error) {
	seen, err := s.look(ctx)
	if err == nil && seen.version == "" || missingTable(err) {
		if err = s.create(ctx); err == nil {
			seen, err = s.look(ctx)
		}
	}
	if busy(err) {
		return store.Lease{}, seen.error()
	}
	if err != nil {
		return store.Lease{}, err
	}
	if err := s.checkVersion(seen.version); err != nil {
		return store.Lease{}, err
	}
	if seen.held() {
		return store.Lease{}, seen.error()
	}
	if seen.epoch < 0 || seen.epoch == math.MaxInt64 {
		return store.Lease{}, fmt.Errorf("%w: table %s: epoch %d, which nobody can have come to", store.ErrUnknownValue, s.table("leases"), seen.epoch)
	}
	lease, err := s.seize(ctx, owner)
	switch {
	case err == nil && lease.Epoch != 0:
		return lease, nil
	case err != nil && !busy(err):
		return store.Lease{}, err
	case err == nil:
		if now, err := s.look(ctx); err == nil {
			seen = now
		}
	}
	return store.Lease{}, seen.error()
}

// A sight of the lease is how it stood at one moment.
type sight struct {
	version string
	epoch   int64
	holder  string
	owner   store.Owner
	since   time.Time
	left    time.Duration // until it expires
}

const lookAtLease = `SELECT m.value, l.holder, l.host, l.pid, l.revision, l.actor, l.since, l.expires - ?now, l.epoch
	FROM ?meta AS m LEFT JOIN ?leases AS l ON l.ns = ?ns WHERE m.name = 'schema'`

// look reads the lease, and the version of the tables with it.
func (s *Store) look(ctx context.Context) (seen sight, err error) {
	err = s.scan(ctx, s.db, func(r *row) error {
		seen = sight{
			version: r.text(0), holder: r.text(1), owner: r.owner(2), since: r.time(6), epoch: r.number(8),
			left: time.Duration(r.number(7)) * time.Millisecond,
		}
		return nil
	}, lookAtLease)
	return seen, err
}

func (l sight) held() bool { return l.holder != "" && l.left > 0 }

// error says who holds the lease. What is not known any more, because it changed between two
// looks, will be at the next one.
func (l sight) error() *store.LeaseError {
	if !l.held() {
		return &store.LeaseError{Holder: l.owner, Since: l.since, Expires: 100 * time.Millisecond}
	}
	return &store.LeaseError{Holder: l.owner, Since: l.since, Expires: l.left}
}

// The epoch follows the clock, so that one which was lost with the last commits of a database
// that failed over is not issued a second time.
const seizeLease = `INSERT INTO ?leases AS l (ns, epoch, holder, host, pid, revision, actor, since, expires)
	VALUES (?ns, ?now, ?0, ?1, ?2, ?3, ?4, ?now, ?now + ?ttl)
	ON CONFLICT (ns) DO UPDATE SET
		epoch = ?greatest(l.epoch + 1, ?now), holder = excluded.holder,
		host = excluded.host, pid = excluded.pid, revision = excluded.revision, actor = excluded.actor,
		since = ?now, expires = ?now + ?ttl
	WHERE l.holder IS NULL OR l.expires IS NULL OR l.expires <= ?now
	RETURNING epoch`

// seize takes the lease if it is free. The result is the zero lease if it is not.
func (s *Store) seize(ctx context.Context, owner store.Owner) (store.Lease, error) {
	held, err := s.turn.takeOr(ctx)
	if held != nil || err != nil {
		return store.Lease{}, err
	}
	defer s.turn.pass()
	lease := store.Lease{Holder: store.NewToken(), TTL: s.ttl}
	took := func() error {
		return s.scan(ctx, s.db, func(r *row) error {
			lease.Epoch = r.number(0)
			return nil
		}, seizeLease, lease.Holder.String(), clean(owner.Host), owner.PID, clean(owner.Revision), clean(owner.Actor))
	}
	if s.dialect.oneWriter { // whoever keeps the write lock for that long has the lease
		err = took()
	} else {
		err = s.again(ctx, took)
	}
	if err != nil {
		s.disown(ctx, lease.Holder)
		return store.Lease{}, err
	}
	return lease, nil
}

const freeLease = `UPDATE ?leases SET holder = NULL, expires = NULL WHERE ns = ?ns AND holder = ?`

// disown frees a lease that was taken without anybody hearing of it.
func (s *Store) disown(ctx context.Context, holder store.Token) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.exec(ctx, s.db, freeLease, holder.String()) // if it fails, the lease expires
}

const renewLease = `UPDATE ?leases SET expires = ?now + ?ttl WHERE ns = ?ns AND epoch = ? AND holder = ?`

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, lease store.Lease) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	held, err := s.turn.takeOr(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("renew the lease: %w", err)
	case held != nil && *held == lease:
		return nil
	case held != nil:
		return fmt.Errorf("renew the lease: %w", store.ErrLeaseLost)
	}
	defer s.turn.pass()
	var current bool
	err = s.again(ctx, func() (err error) {
		current, err = s.changes(ctx, s.db, renewLease, lease.Epoch, lease.Holder.String())
		return err
	})
	if err == nil && !current || s.absent(ctx, err) {
		err = store.ErrLeaseLost
	}
	return s.explain(ctx, "renew the lease", err)
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, lease store.Lease) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.turn.take(ctx); err != nil {
		return fmt.Errorf("give the lease back: %w", err)
	}
	defer s.turn.pass()
	err := s.again(ctx, func() error { return s.exec(ctx, s.db, freeLease, lease.Holder.String()) })
	if s.absent(ctx, err) {
		return nil
	}
	return s.explain(ctx, "give the lease back", err)
}

// clean is a text that a database takes.
func clean(s string) string { return store.ErrorText(errors.New(s)) }
