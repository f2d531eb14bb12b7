package bunstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sequencer-go/seq/store"
)

// Holder implements [store.Reader].
func (s *Store) Holder(ctx context.Context, name string) (*store.LeaseError, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	seen, err := s.look(ctx, name)
	if missingTable(err) {
		if s.absent(ctx, err) {
			return nil, nil
		}
		seen, err = s.look(ctx, name) // somebody has just created it
	}
	switch {
	case err != nil:
		return nil, s.explain(ctx, "look at the lease", err)
	case !seen.held():
		return nil, nil
	}
	return seen.error(), nil
}

var selectLeases = define("read leases", `SELECT name, owner, since, expires - {now} FROM {leases}
	WHERE ns = {ns} AND holder IS NOT NULL AND expires > {now} AND {here} ORDER BY name`)

// Leases implements [store.Reader].
func (s *Store) Leases(ctx context.Context) ([]store.LeaseError, error) {
	var held []store.LeaseError
	err := s.read(ctx, "leases", func(r *row) error {
		held = append(held, store.LeaseError{
			Name: r.text(0), Holder: r.holder(1), Since: r.time(2), Expires: msOf(r, 3),
		})
		return nil
	}, selectLeases)
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Acquire implements [store.Store].
func (s *Store) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lease{}, err
	}
	if err := store.CheckLeaseName(name); err != nil {
		return store.Lease{}, err
	}
	lease, err := s.acquire(ctx, name, owner)
	if errors.Is(err, store.ErrLeaseHeld) {
		return store.Lease{}, err
	}
	return lease, s.explain(ctx, "take the lease", err)
}

// acquire looks before it writes, so that those who wait do not disturb those who work.
func (s *Store) acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	seen, err := s.look(ctx, name)
	if err == nil && seen.version == "" || missingTable(err) {
		if err = s.create(ctx); err == nil {
			seen, err = s.look(ctx, name)
		}
	}
	if err == nil {
		err = s.checkVersion(seen.version)
	}
	if err == nil && seen.identity.IsZero() {
		seen.identity, err = s.identify(ctx)
	}
	if busy(err) {
		return store.Lease{}, seen.error()
	}
	if err != nil {
		return store.Lease{}, err
	}
	if seen.held() {
		return store.Lease{}, seen.error()
	}
	if back := store.HeldBack(seen.asked, owner, seen.now); back != nil {
		return store.Lease{}, back
	}
	if seen.epoch < 0 || seen.epoch == math.MaxInt64 {
		return store.Lease{}, fmt.Errorf("%w: table %s: epoch %d, which nobody can have come to", store.ErrUnknownValue, s.table("leases"), seen.epoch)
	}
	lease, err := s.seize(ctx, name, owner)
	switch {
	case err == nil && lease.Epoch != 0:
		lease.Identity = seen.identity
		return lease, nil
	case err != nil && !busy(err):
		return store.Lease{}, err
	case err == nil:
		if now, err := s.look(ctx, name); err == nil {
			seen = now
		}
		if back := store.HeldBack(seen.asked, owner, seen.now); back != nil && !seen.held() {
			return store.Lease{}, back
		}
	}
	return store.Lease{}, seen.error()
}

// A sight of a lease is how it stood at one moment.
type sight struct {
	name     string
	version  string
	identity store.Token
	epoch    int64
	holder   string
	owner    store.Owner
	since    time.Time
	left     time.Duration // until it expires
	now      time.Time     // by the database's clock
	asked    store.Control // of its holder, and of whoever would take it
}

var lookAtLease = define("look at lease", `SELECT m.value, l.holder, l.owner, l.since, l.expires - {now}, l.epoch, i.value,
		{now}, `+controlWords+`, c.actor, c.reason, c.until, c.asked
	FROM {meta} AS m LEFT JOIN {leases} AS l ON l.ns = {ns} AND l.name = @name LEFT JOIN {meta} AS i ON i.name = {identity}
		LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @name
	WHERE m.name = 'schema' AND {here}`)

// look reads a lease, and with it the version of the tables and the identity of the ledger.
func (s *Store) look(ctx context.Context, name string) (seen sight, err error) {
	seen.name = name
	err = s.query(ctx, s.db, func(r *row) (err error) {
		seen = sight{
			name: name, version: r.text(0), holder: r.text(1), owner: r.holder(2), since: r.time(3), epoch: r.number(5),
			left: msOf(r, 4),
		}
		if seen.identity, err = store.ParseToken(r.text(6)); err != nil {
			return fmt.Errorf("table %s: the identity: %w", s.table("meta"), err)
		}
		seen.now = r.time(7)
		seen.asked, err = s.controlOf(r, name, 8)
		seen.asked.Until, seen.asked.Asked = r.time(11), r.time(12)
		return err
	}, lookAtLease, arg{"name", name})
	return seen, err
}

func (l sight) held() bool { return l.holder != "" && l.left > 0 }

// error says who holds the lease. What is not known any more, because it changed between two
// looks, will be at the next one.
func (l sight) error() *store.LeaseError {
	if !l.held() {
		return &store.LeaseError{Name: l.name, Holder: l.owner, Since: l.since, Expires: 100 * time.Millisecond}
	}
	return &store.LeaseError{Name: l.name, Holder: l.owner, Since: l.since, Expires: l.left}
}

// The epoch follows the clock, so that one which was lost with the last commits of a database
// that failed over is not issued a second time. What is asked of the lease was looked at before, and may
// have changed since.
var seizeLease = define("seize", `{excluding}INSERT INTO {leases} AS l (ns, name, epoch, holder, owner, since, expires)
	SELECT {ns}, @name, {now}, @holder, @owner, {now}, {now} + {ttl} WHERE {excluded}
		AND NOT EXISTS (SELECT 1 FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @name AND c.wanted IN ('hold', 'stop')
			AND (c.until IS NULL OR c.until > {now}) AND (c.actor = '' OR c.actor <> @actor))
	ON CONFLICT (ns, name) DO UPDATE SET
		epoch = {greatest}(l.epoch + 1, {now}), holder = excluded.holder, owner = excluded.owner, since = {now}, expires = {now} + {ttl}
	WHERE l.holder IS NULL OR l.expires IS NULL OR l.expires <= {now}
	RETURNING epoch`)

// seize takes the lease if it is free. The result is the zero lease if it is not.
func (s *Store) seize(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	held, err := s.turn.takeOr(ctx, name)
	if held != nil || err != nil {
		return store.Lease{}, err
	}
	defer s.turn.pass()
	lease := store.Lease{Name: name, Holder: store.NewToken(), TTL: s.ttl}
	took := func() error {
		return s.query(ctx, s.db, func(r *row) error {
			lease.Epoch = r.number(0)
			return nil
		}, seizeLease, arg{"name", name}, arg{"holder", lease.Holder.String()}, arg{"owner", s.ownerOf(owner)}, arg{"actor", clean(owner.Actor)})
	}
	if s.dialect.oneWriter { // whoever keeps the write lock for that long has the lease
		err = took()
	} else {
		err = s.again(ctx, took)
	}
	if err != nil {
		s.disown(ctx, lease)
		return store.Lease{}, err
	}
	return lease, nil
}

var freeLease = define("release", `UPDATE {leases} SET holder = NULL, expires = {now} WHERE ns = {ns} AND name = @name AND holder = @holder`)

func holderArgs(lease store.Lease) []arg {
	return []arg{{"name", lease.Name}, {"holder", lease.Holder.String()}}
}

// disown frees a lease that was taken without anybody hearing of it.
func (s *Store) disown(ctx context.Context, lease store.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.exec(ctx, s.db, freeLease, holderArgs(lease)...) // if it fails, the lease expires
}

var renewLease = define("renew", `UPDATE {leases} SET expires = {now} + {ttl} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder RETURNING 1`)

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, lease store.Lease) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	if store.CheckLeaseName(lease.Name) != nil {
		return store.ErrLeaseLost
	}
	held, err := s.turn.takeOr(ctx, lease.Name)
	switch {
	case err != nil:
		return fmt.Errorf("renew the lease: %w", err)
	case held != nil && held.Epoch == lease.Epoch && held.Holder == lease.Holder:
		return nil
	case held != nil:
		return fmt.Errorf("renew the lease: %w", store.ErrLeaseLost)
	}
	defer s.turn.pass()
	var current bool
	err = s.again(ctx, func() (err error) {
		current, err = s.matches(ctx, s.db, renewLease, leaseArgs(lease)...)
		return err
	})
	if err == nil && !current || s.absent(ctx, err) {
		err = store.ErrLeaseLost
	}
	return s.explain(ctx, "renew the lease", err)
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, lease store.Lease) error {
	s.endSessions()
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.turn.take(ctx); err != nil {
		return fmt.Errorf("give the lease back: %w", err)
	}
	defer s.turn.pass()
	err := s.again(ctx, func() error { return s.exec(ctx, s.db, freeLease, holderArgs(lease)...) })
	if s.absent(ctx, err) {
		return nil
	}
	return s.explain(ctx, "give the lease back", err)
}

// clean is a text that a database takes.
func clean(s string) string {
	if s == "" {
		return ""
	}
	return store.ErrorText(errors.New(s))
}
