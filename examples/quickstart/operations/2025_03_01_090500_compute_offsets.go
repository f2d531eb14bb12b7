package operations

import (
	"context"
	"time"
	_ "time/tzdata" // so that every machine knows every zone

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// zoneOffset is the part of a zone that this op writes.
type zoneOffset struct {
	bun.BaseModel `bun:"table:quickstart_zones,alias:zone"`

	Name      string `bun:",pk"`
	UTCOffset int    `bun:"utc_offset"`
}

// Work in Go rather than in SQL: what clocks showed in each zone on 1 January 2025. It is
// Repeatable, the default: after a crash it may run again, and comes to the same.
func init() {
	seq.Register(seq.Op{
		DependsOn: []string{"2025_03_01_090200_load_zones", "2025_03_01_090300_add_columns"},
		Run: func(ctx context.Context) error {
			return writeOffsets(ctx, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
		},
		Rollback: func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).NewUpdate().Model((*zoneOffset)(nil)).Set("utc_offset = NULL").Where("true").Exec(ctx)
			return err
		},
	})
}

// writeOffsets stores each zone's offset at an instant, in one statement.
func writeOffsets(ctx context.Context, at time.Time) error {
	var zones []zoneOffset
	if err := bunstore.DB(ctx).NewSelect().Model(&zones).Column("name").Scan(ctx); err != nil {
		return err
	}
	for i := range zones {
		loc, err := time.LoadLocation(zones[i].Name)
		if err != nil {
			return err
		}
		_, zones[i].UTCOffset = at.In(loc).Zone()
	}
	_, err := bunstore.DB(ctx).NewUpdate().Model(&zones).Column("utc_offset").Bulk().Exec(ctx)
	return err
}
