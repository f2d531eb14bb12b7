package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
)

const shards = 4

type Site struct {
	bun.BaseModel `bun:"table:custom_sites"`

	ID          int64 `bun:",pk"`
	Maintenance bool
	Changes     int64
}

type Shard struct {
	bun.BaseModel `bun:"table:custom_shards"`

	ID      int64 `bun:",pk"`
	Version int64
}

// ops upgrade one shard each. The first is the canary. The last needs a second attempt.
func ops(db *bun.DB) []seq.Op {
	failures := 1
	var all []seq.Op
	for shard := range shards {
		to := func(version int) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := db.NewUpdate().Model((*Shard)(nil)).Set("version = ?", version).Where("id = ?", shard).Exec(ctx)
				return err
			}
		}
		all = append(all, seq.Op{ID: fmt.Sprintf("2024_01_15_12000%d_upgrade_shard_%d", shard, shard), Run: to(2), Rollback: to(1)})
	}
	all[0].Tags = []string{"canary"}
	last := &all[shards-1]
	upgrade := last.Run
	last.Run = func(ctx context.Context) error {
		if failures > 0 {
			failures--
			return errors.New("the shard is busy")
		}
		return upgrade(ctx)
	}
	return all
}

// before makes the tables as they are before the deploy, unless they are there.
func before(ctx context.Context, db *bun.DB) error {
	for _, model := range []any{(*Site)(nil), (*Shard)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return err
		}
	}
	rows := []Shard{{ID: 0, Version: 1}, {ID: 1, Version: 1}, {ID: 2, Version: 1}, {ID: 3, Version: 1}}
	if _, err := db.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewInsert().Model(&Site{ID: 1}).On("CONFLICT DO NOTHING").Exec(ctx)
	return err
}
