package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// ledgerTables are the ledger's tables, without their prefix.
var ledgerTables = []string{"meta", "leases", "controls", "runs", "ops", "attempts"}

// A doctorSQL examines a database.
type doctorSQL struct {
	db       *bun.DB
	postgres bool
	list     []check
}

func (d *doctorSQL) add(name, state, found, do string) {
	d.list = append(d.list, check{name, state, found, do})
}

// examineDatabase looks at the database below the ledger, if it is one that bun speaks to.
func (a *app) examineDatabase(ctx context.Context) []check {
	ledger, ok := a.s.Store().(interface{ DB() *bun.DB })
	if !ok || ledger.DB() == nil {
		return []check{{"database", good, fmt.Sprintf("the ledger is a %T; nothing more is known of what is below it", a.s.Store()), ""}}
	}
	d := &doctorSQL{db: ledger.DB(), postgres: ledger.DB().Dialect().Name() == dialect.PG}
	for _, look := range []struct {
		name string
		at   func(context.Context) error
	}{
		{"database", d.server}, {"schema", d.schema}, {"clock", d.clock}, {"pooler", d.pooler},
	} {
		if err := look.at(ctx); err != nil {
			d.add(look.name, bad, err.Error(), "")
		}
	}
	d.pool()
	return d.list
}

// ask reads one row of one value.
func (d *doctorSQL) ask(ctx context.Context, into any, query string, args ...any) error {
	return d.db.NewRaw(query, args...).Scan(ctx, into)
}

// server says which one it is, and whether it can be written.
func (d *doctorSQL) server(ctx context.Context) error {
	var version string
	if !d.postgres {
		if err := d.ask(ctx, &version, "SELECT sqlite_version()"); err != nil {
			return err
		}
		d.add("database", good, "SQLite "+version, "")
		return nil
	}
	var readOnly string
	if err := d.ask(ctx, &version, "SHOW server_version"); err != nil {
		return err
	}
	if err := d.ask(ctx, &readOnly, "SHOW transaction_read_only"); err != nil {
		return err
	}
	if readOnly == "on" {
		d.add("database", bad, "PostgreSQL "+version+", which takes no writes", "point the program at the primary")
		return nil
	}
	d.add("database", good, "PostgreSQL "+version, "")
	return nil
}

// A place is where a ledger's tables are.
type place struct{ Schema, Prefix string }

func (p place) String() string {
	if p.Schema == "" {
		return p.Prefix
	}
	return p.Schema + "." + p.Prefix
}

// schema finds the ledger's tables by their names, and asks for their version and the privileges on
// them. Which prefix the program uses, its store does not tell.
func (d *doctorSQL) schema(ctx context.Context) error {
	places, err := d.places(ctx)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return d.absent(ctx)
	}
	for _, p := range places {
		var version string
		table := bun.Ident(strings.TrimPrefix(p.Schema+"."+p.Prefix+"meta", "."))
		err := d.ask(ctx, &version, "SELECT value FROM ? WHERE name = 'schema'", table)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue // another program's tables
		case err != nil:
			d.add("schema", bad, fmt.Sprintf("%s*: %v", p, err), "grant what docs/recipes/postgres/grants.sql lists")
			continue
		case version != strconv.Itoa(layout):
			d.add("schema", bad, fmt.Sprintf("%s* has version %s, this program knows %d", p, version, layout), "deploy the newer program; it makes the tables what it needs")
		default:
			d.add("schema", good, fmt.Sprintf("%s* has version %s", p, version), "")
		}
		if err := d.privileges(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *doctorSQL) places(ctx context.Context) ([]place, error) {
	query := `SELECT '' AS "schema", name FROM sqlite_master WHERE type = 'table'`
	if d.postgres {
		query = `SELECT n.nspname AS "schema", c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`
	}
	var rows []struct{ Schema, Name string }
	if err := d.db.NewRaw(query).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	have := map[place]int{}
	var places []place
	for _, r := range rows {
		for _, t := range ledgerTables {
			if prefix, is := strings.CutSuffix(r.Name, t); is {
				p := place{r.Schema, prefix}
				if have[p]++; have[p] == len(ledgerTables) {
					places = append(places, p)
				}
			}
		}
	}
	return places, nil
}

// absent says whether the first run can make the tables.
func (d *doctorSQL) absent(ctx context.Context) error {
	const found = "there are no tables of a ledger yet"
	if !d.postgres {
		d.add("schema", good, found+"; the first run makes them", "")
		return nil
	}
	var may bool
	if err := d.ask(ctx, &may, "SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)"); err != nil {
		return err
	}
	if !may {
		d.add("schema", bad, found+", and this role may not make them in the current schema", "GRANT CREATE on the schema, or let the owner make the tables: docs/recipes/postgres")
		return nil
	}
	d.add("schema", good, found+"; the first run makes them", "")
	return nil
}

func (d *doctorSQL) privileges(ctx context.Context, p place) error {
	if !d.postgres {
		return nil
	}
	var lacks []string
	for _, t := range ledgerTables {
		wants := []string{"SELECT", "INSERT", "UPDATE"}
		if t == "meta" || t == "attempts" { // written once
			wants = wants[:2]
		}
		for _, want := range wants {
			var has bool
			if err := d.ask(ctx, &has, "SELECT has_table_privilege(format('%I.%I', ?::text, ?::text), ?)", p.Schema, p.Prefix+t, want); err != nil {
				return err
			}
			if !has {
				lacks = append(lacks, want+" on "+p.String()+t)
			}
		}
	}
	var sequence bool
	if err := d.ask(ctx, &sequence, "SELECT has_sequence_privilege(format('%I.%I', ?::text, ?::text), 'USAGE')", p.Schema, p.Prefix+"sequence"); err != nil {
		return err
	}
	if !sequence {
		lacks = append(lacks, "USAGE on "+p.String()+"sequence")
	}
	if len(lacks) > 0 {
		more := ""
		if n := len(lacks) - 3; n > 0 {
			lacks, more = lacks[:3], fmt.Sprintf(" and %d more", n)
		}
		d.add("privileges", bad, "this role lacks "+strings.Join(lacks, ", ")+more, "grant what docs/recipes/postgres/grants.sql lists; to look only it needs none of these")
		return nil
	}
	d.add("privileges", good, "this role may read and write "+p.String()+"*", "")
	return nil
}

// clock compares the clocks. Leases live by the database's, schedules and back-offs by this host's.
func (d *doctorSQL) clock(ctx context.Context) error {
	query := "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
	if d.postgres {
		query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
	}
	var there int64
	before := wall.Now()
	if err := d.ask(ctx, &there, query); err != nil {
		return err
	}
	took := wall.Now().Sub(before)
	skew := time.UnixMilli(there).Sub(before.Add(took / 2))
	found := fmt.Sprintf("the database is %s ahead of this host", span(skew.Round(time.Millisecond)))
	if skew < 0 {
		found = fmt.Sprintf("the database is %s behind this host", span((-skew).Round(time.Millisecond)))
	}
	if skew.Abs() > took/2+time.Second {
		d.add("clock", warn, found, "leases are not affected; what is due by the clock starts that much too early or too late")
		return nil
	}
	d.add("clock", good, found, "")
	return nil
}

// pooler looks whether two connections lead to one session of the server, or one to two: a transaction
// pooler lends a session for a transaction. One that keeps a session for each connection is not seen,
// and changes nothing.
func (d *doctorSQL) pooler(ctx context.Context) error {
	if !d.postgres || d.db.Stats().MaxOpenConnections == 1 {
		return nil
	}
	first, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = first.Close() }()
	second, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = second.Close() }()
	const session = "SELECT pg_backend_pid()"
	var before, other, after int
	if err := first.QueryRowContext(ctx, session).Scan(&before); err != nil {
		return err
	}
	tx, err := second.BeginTx(ctx, nil) // it keeps its session until it ends
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := tx.QueryRowContext(ctx, session).Scan(&other); err != nil {
		return err
	}
	if err := first.QueryRowContext(ctx, session).Scan(&after); err != nil {
		return err
	}
	if other == before || after != before {
		d.add("pooler", good, "a transaction pooler is in between", "nothing in the ledger needs a session; operations must not use SET, LISTEN or advisory locks outside of a transaction")
		return nil
	}
	d.add("pooler", good, "no transaction pooler is seen", "")
	return nil
}

// pool says whether the program's own pool has a connection to spare for the lease.
func (d *doctorSQL) pool() {
	most := d.db.Stats().MaxOpenConnections
	switch {
	case most == 0:
		d.add("pool", good, "no limit on connections", "")
	case most == 1 && d.postgres:
		d.add("pool", bad, "the pool has 1 connection: while an operation uses it, the lease cannot be renewed and the run is lost", "SetMaxOpenConns(2) or more: one more than operations run at a time")
	default:
		d.add("pool", good, "at most "+number(most, "connection"), "")
	}
}
