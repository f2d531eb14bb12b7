package operations

import (
	"context"
	"fmt"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A backfill: each zone gets the name of its country. One that finds no country fails the op, and
// because it is Transactional the others get none either.
func init() {
	seq.Register(seq.Op{
		DependsOn: []string{"2025_03_01_090100_load_countries", "2025_03_01_090200_load_zones", "2025_03_01_090300_add_columns"},
		Delivery:  seq.Transactional,
		Run: func(ctx context.Context) error {
			db := bunstore.Tx(ctx)
			name := db.NewSelect().Model((*country)(nil)).Column("name").Where("code = zone.country_code")
			if _, err := db.NewUpdate().Model((*zone)(nil)).Set("country_name = (?)", name).Where("true").Exec(ctx); err != nil {
				return err
			}
			nameless, err := db.NewSelect().Model((*zone)(nil)).Where("country_name IS NULL").Count(ctx)
			if err == nil && nameless > 0 {
				err = fmt.Errorf("%d zones are in no known country", nameless)
			}
			return err
		},
		Rollback: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).NewUpdate().Model((*zone)(nil)).Set("country_name = NULL").Where("true").Exec(ctx)
			return err
		},
	})
}
