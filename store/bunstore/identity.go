package bunstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

var (
	makeIdentity = define("make identity", `INSERT INTO {meta} (name, value) VALUES ({identity}, @token) ON CONFLICT (name) DO NOTHING`)
	readIdentity = define("read identity", `SELECT value FROM {meta} WHERE name = {identity} AND {here}`)
	otherLease   = define("other lease", `SELECT name, owner, since, expires - {now} FROM {leases}
	WHERE ns = {ns} AND name <> @name AND holder IS NOT NULL AND expires > {now} ORDER BY name LIMIT 1`)
	setIdentity = define("set identity", `UPDATE {meta} SET value = @token WHERE name = {identity}`)
)

// identify gives the ledger an identity, unless it has one, and reads it.
func (s *Store) identify(ctx context.Context) (store.Token, error) {
	if err := s.turn.take(ctx); err != nil {
		return store.Token{}, err
	}
	defer s.turn.pass()
	err := s.again(ctx, func() error {
		return s.exec(ctx, s.db, makeIdentity, arg{"token", store.NewToken().String()})
	})
	if err != nil {
		return store.Token{}, err
	}
	return s.identity(ctx)
}

func (s *Store) identity(ctx context.Context) (id store.Token, err error) {
	err = s.read(ctx, "meta", func(r *row) (err error) {
		id, err = store.ParseToken(r.text(0))
		return err
	}, readIdentity)
	return id, err
}

// Identity implements [store.Reader].
func (s *Store) Identity(ctx context.Context) (store.Token, error) { return s.identity(ctx) }

// RenewIdentity implements [store.Maintainer].
func (s *Store) RenewIdentity(ctx context.Context, lease store.Lease) (store.Token, error) {
	if err := s.enter(ctx); err != nil {
		return store.Token{}, err
	}
	if err := s.turn.take(ctx); err != nil {
		return store.Token{}, fmt.Errorf("renew the identity: %w", err)
	}
	defer s.turn.pass()
	id := store.NewToken()
	err := s.again(ctx, func() error {
		return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			current, err := s.matches(ctx, tx, s.dialect.authority, leaseArgs(lease)...)
			if err == nil && (!current || lease.Name != store.RunLease) {
				err = store.ErrLeaseLost
			}
			if err != nil {
				return err
			}
			var other *store.LeaseError
			err = s.query(ctx, tx, func(r *row) error {
				other = sight{name: r.text(0), holder: "x", owner: r.holder(1), since: r.time(2), left: msOf(r, 3)}.error()
				return nil
			}, otherLease, arg{"name", store.RunLease})
			if err == nil && other != nil {
				err = other
			}
			if err != nil {
				return err
			}
			return s.exec(ctx, tx, setIdentity, arg{"token", id.String()})
		})
	})
	if s.absent(ctx, err) {
		err = store.ErrLeaseLost
	}
	if err != nil {
		return store.Token{}, s.explain(ctx, "renew the identity", err)
	}
	return id, nil
}
