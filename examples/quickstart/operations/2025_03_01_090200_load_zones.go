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
			var zones []zone
			var links []zoneCountry
			for _, z := range tzdata.Zones() {
				zones = append(zones, zone{Name: z.Name, CountryCode: z.Countries[0], Comment: z.Comment})
				for _, code := range z.Countries {
					links = append(links, zoneCountry{Zone: z.Name, CountryCode: code})
				}
			}
			if _, err := bunstore.Tx(ctx).NewInsert().Model(&zones).Exec(ctx); err != nil {
				return err
			}
			_, err := bunstore.Tx(ctx).NewInsert().Model(&links).Exec(ctx)
			return err
		},
		Rollback: func(ctx context.Context) error {
			for _, model := range []any{(*zoneCountry)(nil), (*zone)(nil)} {
				if _, err := bunstore.Tx(ctx).NewDelete().Model(model).Where("true").Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
