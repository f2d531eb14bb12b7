package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/examples/quickstart/tzdata"
)

// The tables as they are in the end.
type (
	Country struct {
		bun.BaseModel `bun:"table:quickstart_countries"`

		Code      string `bun:",pk"`
		Name      string
		ZoneCount int
	}
	Zone struct {
		bun.BaseModel `bun:"table:quickstart_zones"`

		Name        string `bun:",pk"`
		CountryName string
		UTCOffset   int `bun:"utc_offset"`
	}
	ZoneCountry struct {
		bun.BaseModel `bun:"table:quickstart_zone_countries"`

		Zone        string `bun:",pk"`
		CountryCode string `bun:",pk"`
	}
)

// tables are what -reset drops.
var tables = []any{(*ZoneCountry)(nil), (*Zone)(nil), (*Country)(nil)}

// figures prints what the database says, and if the upgrade is done, checks it against the files.
func figures(ctx context.Context, db *bun.DB, done bool) error {
	there, err := demo.Tables(ctx, db)
	if err != nil {
		return err
	}
	if !slices.Contains(there, "quickstart_zones") {
		fmt.Println("no tables")
		return nil
	}
	countries, zones := db.NewSelect().Model((*Country)(nil)), db.NewSelect().Model((*Zone)(nil))
	if !done {
		loaded, err := countries.Count(ctx)
		if err != nil {
			return err
		}
		fmt.Println("countries:", loaded)
		loaded, err = zones.Count(ctx)
		if err != nil {
			return err
		}
		fmt.Println("zones:", loaded)
		return nil
	}
	return errors.Join(
		demo.Expect("countries", len(tzdata.Countries()))(countries.Count(ctx)),
		demo.Expect("zones", len(tzdata.Zones()))(zones.Count(ctx)),
		demo.Expect("zones with country and offset", len(tzdata.Zones()))(zones.Clone().Where("country_name IS NOT NULL AND utc_offset IS NOT NULL").Count(ctx)),
		most(ctx, db),
	)
}

// most prints where there are the most zones.
func most(ctx context.Context, db *bun.DB) error {
	var byCountry []struct {
		Name  string
		Zones int
	}
	err := db.NewSelect().Model((*ZoneCountry)(nil)).
		Join("JOIN quickstart_countries AS c ON c.code = country_code").
		ColumnExpr("c.name, COUNT(*) AS zones").Group("c.name").OrderExpr("zones DESC, c.name").Limit(3).Scan(ctx, &byCountry)
	if err != nil {
		return err
	}
	for _, c := range byCountry {
		fmt.Printf("%s: %d zones\n", c.Name, c.Zones)
	}
	var byOffset []struct {
		UTCOffset int `bun:"utc_offset"`
		Zones     int
	}
	err = db.NewSelect().Model((*Zone)(nil)).
		ColumnExpr("utc_offset, COUNT(*) AS zones").Group("utc_offset").OrderExpr("zones DESC, utc_offset").Limit(3).Scan(ctx, &byOffset)
	for _, o := range byOffset {
		fmt.Printf("UTC%+d:%02d: %d zones\n", o.UTCOffset/3600, max(o.UTCOffset, -o.UTCOffset)/60%60, o.Zones)
	}
	return err
}
