package operations

import (
	"context"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/quickstart/tzdata"
	"github.com/sequencer-go/seq/store/bunstore"
)

func init() {
	seq.Register(seq.Op{
		DependsOn: []string{"2025_03_01_090000_create_tables"},
		Delivery:  seq.Transactional,
		Run: func(ctx context.Context) error {
			var rows []country
			for _, c := range tzdata.Countries() {
				rows = append(rows, country{Code: c.Code, Name: c.Name})
			}
			_, err := bunstore.Tx(ctx).NewInsert().Model(&rows).Exec(ctx)
			return err
		},
		Rollback: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).NewDelete().Model((*country)(nil)).Where("true").Exec(ctx)
			return err
		},
	})
}
