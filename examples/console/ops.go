package main

import (
	"context"
	"errors"
	"time"

	"github.com/sequencer-go/seq"
)

const (
	schema   = "2024_03_01_090000_create_accounts"
	ledgerT  = "2024_03_01_090100_create_ledger"
	currency = "2024_03_01_100000_import_currencies"
	backfill = "2024_03_01_100100_backfill_balances"
	owners   = "2024_03_01_100200_link_owners"
	warm     = "2024_03_01_110000_warm_cache"
	invoices = "2024_03_01_110100_renumber_invoices"
	search   = "2024_03_01_120000_reindex_search"
	mail     = "2024_03_01_120100_mail_the_owners"
	vacuum   = "2024_03_01_130000_vacuum_at_night"
)

// ops take a few paces each, and tell how far they have come.
func ops(pace time.Duration) []seq.Op {
	op := func(id string, paces int, err error, after ...string) seq.Op {
		return seq.Op{
			ID: id, DependsOn: after, Run: work(pace, paces, err),
			Rollback: work(pace, (paces+2)/3, nil),
		}
	}
	list := []seq.Op{
		op(schema, 2, nil),
		op(ledgerT, 4, nil),
		op(currency, 3, nil, schema),
		op(backfill, 24, nil, schema, ledgerT),
		op(owners, 7, nil, schema),
		op(warm, 6, errors.New("dial tcp 10.0.0.7:6379: connect: connection refused"), currency),
		op(invoices, 9, errors.New("invoice 1041: <b>total</b> is negative\nwhile renumbering batch 7 of 12"), owners),
		op(search, 12, nil, backfill),
		op(mail, 3, nil, invoices),
		op(vacuum, 2, nil, backfill),
	}
	list[0].Kind, list[1].Kind = seq.Migration, seq.Migration
	list[0].Delivery = seq.Transactional
	list[5].AllowedToFail = true
	list[8].Rollback, list[8].Delivery = nil, seq.Once
	list[9].ExecuteAt = seq.NextAt(2, 0, time.UTC)
	return list
}

// work does nothing, slowly, and then fails with err.
func work(pace time.Duration, paces int, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		for i := range paces {
			if err := seq.Progress(ctx, int64(i)*1000, int64(paces)*1000); err != nil {
				return err
			}
			select {
			case <-time.After(pace):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return err
	}
}
