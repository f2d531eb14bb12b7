package operations

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
)

// The tables as of this migration. Later ones add columns; what is here does not change.
type (
	country struct {
		bun.BaseModel `bun:"table:quickstart_countries"`

		Code string `bun:",pk"`
		Name string `bun:",notnull"`
	}
	zone struct {
		bun.BaseModel `bun:"table:quickstart_zones"`

		Name        string `bun:",pk"`
		CountryCode string `bun:",notnull"` // of its most populous place
		Comment     string `bun:",notnull"`
	}
	zoneCountry struct {
		bun.BaseModel `bun:"table:quickstart_zone_countries"`

		Zone        string `bun:",pk"`
		CountryCode string `bun:",pk"`
	}
)

// Both databases can make tables in a transaction: all three are there, and so is the record of
// it, or nothing is.
func init() {
	seq.Register(seq.Op{
		Kind:     seq.Migration,
		Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			for _, model := range []any{(*country)(nil), (*zone)(nil), (*zoneCountry)(nil)} {
				if _, err := bunstore.Tx(ctx).NewCreateTable().Model(model).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		Rollback: func(ctx context.Context) error {
			for _, model := range []any{(*zoneCountry)(nil), (*zone)(nil), (*country)(nil)} {
				if _, err := bunstore.Tx(ctx).NewDropTable().Model(model).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
