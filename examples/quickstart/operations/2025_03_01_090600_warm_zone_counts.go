package operations

import (
	"context"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A cache: nice to have, so it may fail. Try it with -fail warm_zone_counts: the run succeeds, the
// report says what did not, and the next run tries again.
func init() {
	seq.Register(seq.Op{
		DependsOn:     []string{"2025_03_01_090100_load_countries", "2025_03_01_090200_load_zones", "2025_03_01_090300_add_columns"},
		AllowedToFail: true,
		Run: func(ctx context.Context) error {
			zones := bunstore.DB(ctx).NewSelect().Model((*zoneCountry)(nil)).ColumnExpr("COUNT(*)").Where("country_code = country.code")
			_, err := bunstore.DB(ctx).NewUpdate().Model((*country)(nil)).Set("zone_count = (?)", zones).Where("true").Exec(ctx)
			return err
		},
		Rollback: func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).NewUpdate().Model((*country)(nil)).Set("zone_count = NULL").Where("true").Exec(ctx)
			return err
		},
	})
}
