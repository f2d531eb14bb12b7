package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

// upgrade runs the operations for each tenant on a ledger of its own. What fails for one does not keep the
// others from theirs.
func upgrade(ctx context.Context, file string, tenants []string, ops ...seq.Op) error {
	var errs []error
	for _, tenant := range tenants {
		ledger, err := sqlite.Open(file, bunstore.Namespace(tenant)) // on Postgres a schema each: search_path in the DSN
		if err != nil {
			return err
		}
		_, err = seq.New(ledger, ops...).Run(context.WithValue(ctx, tenantKey{}, tenant), seq.Because("tenant "+tenant))
		if err = errors.Join(err, ledger.Close()); err != nil {
			errs = append(errs, fmt.Errorf("tenant %s: %w", tenant, err))
		}
	}
	return errors.Join(errs...)
}

type tenantKey struct{}

// The same operations for three tenants, one of which is in trouble.
func Example_tenants() {
	dir, err := os.MkdirTemp("", "tenants")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	op := seq.Op{ID: "2024_01_15_120000_fill_plans", Run: func(ctx context.Context) error {
		tenant := ctx.Value(tenantKey{})
		if tenant == "globex" {
			return errors.New("no such table: accounts")
		}
		fmt.Println("filled the plans of", tenant)
		return nil
	}}
	err = upgrade(context.Background(), filepath.Join(dir, "app.db"), []string{"acme", "globex", "initech"}, op)
	fmt.Println(err)
	// Output:
	// filled the plans of acme
	// filled the plans of initech
	// tenant globex: sequential run failed: run 2024_01_15_120000_fill_plans: no such table: accounts (effect unknown)
}
