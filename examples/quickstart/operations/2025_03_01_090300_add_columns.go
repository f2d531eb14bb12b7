package operations

import (
	"context"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// added are the columns that the operations after this migration fill.
var added = []struct {
	model any
	name  string
	kind  string
}{
	{(*zone)(nil), "country_name", "VARCHAR"},
	{(*zone)(nil), "utc_offset", "INTEGER"}, // seconds east of UTC
	{(*country)(nil), "zone_count", "INTEGER"},
}

func init() {
	seq.Register(seq.Op{
		Kind:      seq.Migration,
		DependsOn: []string{"2025_03_01_090000_create_tables"},
		Delivery:  seq.Transactional,
		Run: func(ctx context.Context) error {
			for _, c := range added {
				if _, err := bunstore.Tx(ctx).NewAddColumn().Model(c.model).ColumnExpr(c.name + " " + c.kind).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		Rollback: func(ctx context.Context) error {
			for _, c := range added {
				if _, err := bunstore.Tx(ctx).NewDropColumn().Model(c.model).Column(c.name).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
