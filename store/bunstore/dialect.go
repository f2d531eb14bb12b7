package bunstore

import (
	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/sequencer-go/seq/store"
)

// A dialect is what the two databases do not say the same way. The statements themselves are
// shared: they name these differences, and the tables, as ?name.
type dialect struct {
	now      string // the database's clock, also when a transaction is long under way
	greatest string // of several numbers
	key      string // type of a text that is compared byte by byte
	blob     string // type of bytes
	table    string // end of CREATE TABLE

	// serialize holds off other processes that create the tables, until the transaction ends.
	serialize string
	// authority answers with a row if the lease is current, and keeps it so until the
	// transaction ends.
	authority string
	// guard answers with a row if the attempt is open, and locks it until the transaction ends.
	guard string
	// await waits for the ends of transactions that hold one of several ops; empty if there is no
	// need to.
	await string
	// settle waits for the end of a transaction whose connection broke while it committed.
	settle []string
	// oneWriter means that a transaction that has written holds off every other.
	oneWriter bool
	// together means that one statement may change several tables.
	together bool
	// same is a condition on the number of the transaction, which guard answers with. Empty means
	// that a savepoint tells whether the transaction is still the same.
	same string
}

// How long a process that was cut off in the middle of a transaction keeps its locks: not longer
// than its lease in a transaction of the store's own, a minute where an op may think.
const (
	brief = `set_config('idle_in_transaction_session_timeout', (?ttl)::text, true)`
	idle  = `set_config('idle_in_transaction_session_timeout', '60000', true)`
)

var dialects = map[bundialect.Name]*dialect{
	bundialect.PG: {
		now:       `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`,
		greatest:  `greatest`,
		key:       `text COLLATE "C"`,
		blob:      `bytea`,
		serialize: `SELECT pg_advisory_xact_lock(hashtextextended('seq:ddl:' || current_schema() || ':' || ?prefix, 0)), ` + brief,
		authority: `SELECT ` + brief + ` FROM ?leases WHERE ns = ?ns AND epoch = ? AND holder = ? FOR SHARE`,
		guard:     `SELECT txid_current(), ` + idle + ` FROM ?ops WHERE ns = ?ns AND id = ? AND token = ? FOR UPDATE`,
		await:     `SELECT 1 FROM ?ops WHERE ns = ?ns AND id IN (?) FOR SHARE`,
		together:  true,
		same:      `txid_current() = ?`,
		settle: []string{
			`SELECT 1 FROM ?leases WHERE ns = ?ns FOR UPDATE`,
			`SELECT 1 FROM ?ops WHERE ns = ?ns AND id = ?op FOR UPDATE`,
		},
	},
	// An UPDATE takes the write lock, so that a transaction that was begun as deferred does not
	// have to change from reading to writing, which fails when another has written meanwhile.
	bundialect.SQLite: {
		now:       `CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)`,
		greatest:  `max`,
		key:       `text`,
		blob:      `blob`,
		table:     `WITHOUT ROWID`,
		authority: `UPDATE ?leases SET epoch = epoch WHERE ns = ?ns AND epoch = ? AND holder = ? RETURNING 1`,
		guard:     `UPDATE ?ops SET token = token WHERE ns = ?ns AND id = ? AND token = ? RETURNING 1`,
		oneWriter: true,
	},
}

// queryGen writes statements for a store with these options.
func (d *dialect) queryGen(of schema.Dialect, o options) schema.QueryGen {
	gen := schema.NewQueryGen(of).
		WithNamedArg("ns", o.namespace).
		WithNamedArg("prefix", o.prefix).
		WithNamedArg("ttl", o.ttl.Milliseconds()).
		WithNamedArg("now", bun.Safe(d.now)).
		WithNamedArg("greatest", bun.Safe(d.greatest)).
		WithNamedArg("key", bun.Safe(d.key)).
		WithNamedArg("blob", bun.Safe(d.blob)).
		WithNamedArg("table", bun.Safe(d.table)).
		WithNamedArg("running", store.Running.String())
	for _, name := range []string{"meta", "leases", "runs", "runs_by_number", "ops", "attempts"} {
		gen = gen.WithNamedArg(name, bun.Ident(o.prefix+name))
	}
	return gen
}
