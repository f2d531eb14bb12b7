package bunmigrate

import (
	"context"
	"errors"

	"github.com/uptrace/bun/migrate"
)

// A row is a migration in bun's table.
type row struct {
	by *migrate.Migrator
	m  migrate.Migration
	up bool
}

var errApplied = errors.New("bun's table says that it has been applied, and the ledger does not know of it; adopt what bun has done first (migrate.Adopt with migrate.FromBun)")

// expect makes bun's tables if they are missing, and fails if the row is there and should not be.
func (r *row) expect(ctx context.Context) error {
	if err := r.by.Init(ctx); err != nil {
		return err
	}
	found, _, err := r.find(ctx)
	if err == nil && found != nil && r.up {
		return errApplied
	}
	return err
}

// mark writes or deletes the row, if that is left to do.
func (r *row) mark(ctx context.Context) error {
	found, all, err := r.find(ctx)
	switch {
	case err != nil:
		return err
	case r.up && found == nil:
		m := r.m
		m.GroupID = all.LastGroupID() + 1
		return r.by.MarkApplied(ctx, &m)
	case !r.up && found != nil:
		return r.by.MarkUnapplied(ctx, found)
	}
	return nil
}

func (r *row) find(ctx context.Context) (*migrate.Migration, migrate.MigrationSlice, error) {
	all, err := r.by.AppliedMigrations(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		if all[i].Name == r.m.Name {
			return &all[i], all, nil
		}
	}
	return nil, all, nil
}
