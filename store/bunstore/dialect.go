package bunstore

import (
	"strconv"
	"strings"

	bundialect "github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/sequencer-go/seq/internal/dbsession"
	"github.com/sequencer-go/seq/store"
)

// A dialect is what the two databases do not say the same way. The statements are shared: they
// name these differences as {fragments}.
type dialect struct {
	fragments map[string]string

	// serialize holds off other processes that create the tables, until the transaction ends.
	serialize *statement
	// number is that of the transaction, from the statement that locks the rows it is about.
	// nil where a transaction that has written holds off every other.
	lockOps *statement
	// authority answers with a row if the lease is current, and keeps it so until the end of the
	// transaction.
	authority *statement
	// guard answers with a row if the attempt is open, and locks it until the transaction ends.
	guard *statement
	// guardSteered is guard for a claim that is Steered. It reads what is asked of the op as well, and the
	// transaction may not idle longer than a lease lasts. Where there are several writers it locks nothing,
	// so that batches of one attempt may overlap: the statement that keeps the checkpoint finds out whether
	// the attempt is still open, and locks it until the commit.
	guardSteered *statement
	// guardUsed is guard in a session that a migration used before, nil if that makes no difference.
	guardUsed *statement
	// oneWriter means that a transaction that has written holds off every other.
	oneWriter bool
	// ddl is what makes the tables, in order.
	ddl []*statement
}

// How long a process that was cut off in the middle of a transaction keeps its locks: not longer
// than its lease in a transaction of the store's own, a minute where an op may think.
const (
	brief = `set_config('idle_in_transaction_session_timeout', ({ttl})::text, true)`
	idle  = `set_config('idle_in_transaction_session_timeout', '60000', true)`
)

var dialects = map[bundialect.Name]*dialect{
	bundialect.PG: {
		fragments: map[string]string{
			"now":      `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`,
			"greatest": `greatest`,
			"least":    `least`,
			"key":      `text COLLATE "C"`,
			"blob":     `bytea`,
			"table":    ``,
			// The table that is found is the one in the schema in which it would be created. Reads ask it, because
			// they may come before there are tables there. Two lookups, which the server does once and plans for nothing:
			// a join of its catalog took a tenth of a start.
			"here": `pg_catalog.to_regclass({metaname}) = pg_catalog.to_regclass(pg_catalog.quote_ident(pg_catalog.current_schema()) || '.' || {metaname})`,
			// Numbers are drawn for the outcomes in the order of the batch, from a sequence: nobody waits
			// for anybody.
			"numbered": `w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('{sequence}') ELSE 0 END AS v_number FROM v)`,
			// A takeover excludes every transaction that has shown the lease and is not over: those hold it
			// FOR KEY SHARE, which the UPDATE of a renewal does not wait for.
			"excluding":       `WITH held AS MATERIALIZED (SELECT 1 FROM {leases} WHERE ns = {ns} AND name = @name FOR UPDATE) `,
			"excluded":        `(SELECT count(*) FROM held) >= 0`,
			"showing":         `FOR KEY SHARE`,
			"materialized":    `MATERIALIZED`,
			"eachrow":         `OFFSET 0`,
			"sametransaction": `txid_current() = @number`,
			"skip":            `FOR SHARE OF o SKIP LOCKED`,
		},
		serialize: define("serialize", `SELECT pg_advisory_xact_lock(hashtextextended('seq:ddl:' || coalesce({schema}, current_schema()), 0)), `+brief),
		lockOps: define("lock ops", `SELECT txid_current(), `+brief+`, (SELECT count(*) FROM (
		SELECT 1 FROM {ops} WHERE ns = {ns} AND id IN (@ids) ORDER BY id FOR UPDATE) AS locked)`),
		authority: often("authority", `SELECT `+brief+` FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder FOR KEY SHARE`),
		guard:     often("guard", `SELECT txid_current(), `+idle+` FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token AND finished IS NULL FOR UPDATE`),
		guardSteered: often("guard, steered", `SELECT txid_current(), `+brief+`, `+controlWords+`, c.actor, c.reason
	FROM {ops} AS o LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @id
	WHERE o.ns = {ns} AND o.id = @id AND o.token = @token AND o.finished IS NULL`),
		guardUsed: often("guard, used session", `SELECT txid_current(), `+idle+`, `+dbsession.Unlock+` FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token AND finished IS NULL FOR UPDATE`),
		ddl:       append([]*statement{createSequence}, tables...),
	},
	// An UPDATE takes the write lock, so that a transaction that was begun as deferred does not
	// have to change from reading to writing, which fails when another has written meanwhile.
	bundialect.SQLite: {
		fragments: map[string]string{
			"now":      `CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)`,
			"greatest": `max`,
			"least":    `min`,
			"key":      `text`,
			"blob":     `blob`,
			"here":     `TRUE`,
			"table":    ` WITHOUT ROWID`,
			// There is one writer: the largest number is the last, and an index has it.
			"numbered":        `w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM {ops} WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v)`,
			"excluding":       ``,
			"excluded":        `TRUE`,
			"showing":         ``,
			"materialized":    ``,
			"eachrow":         ``,
			"sametransaction": `o.tx = @number`,
			"skip":            ``,
		},
		authority: often("authority, one writer", `SELECT 1 FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder`),
		guard: often("guard, one writer", `UPDATE {ops} SET tx = tx + 1 WHERE ns = {ns} AND id = @id AND token = @token AND finished IS NULL
	RETURNING tx, (SELECT coalesce(expires, 0) - {now} FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder)`),
		guardSteered: often("guard, steered, one writer", `UPDATE {ops} AS o SET tx = tx + 1 WHERE o.ns = {ns} AND o.id = @id AND o.token = @token AND o.finished IS NULL
	RETURNING tx, (SELECT coalesce(expires, 0) - {now} FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder),
		(SELECT `+controlWords+` FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id),
		(SELECT c.actor FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id), (SELECT c.reason FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id)`),
		oneWriter: true,
		ddl:       append(append([]*statement{}, tables...), createCompletions),
	},
}

// Words of the ledger that the statements know.
var (
	knownStates  = wordList(store.KnownStates()...)
	finalRuns    = wordList("succeeded", "failed", "rolled-back", "rollback-failed", "abandoned", "busy")
	settledOps   = wordList("pending", "scheduled", "succeeded", "skipped", "failed", "tolerated", "rolled-back", "waived")
	knownWords   = `o.state IN (` + knownStates + `) AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')`
	idleWords    = `(o.token IS NULL OR o.finished IS NOT NULL)`
	attemptWords = `a.state IN (` + knownStates + `) AND a.direction IN ('run', 'rollback', 'by hand') AND a.ended IN ('', 'lost', 'interrupted', 'withdrawn', 'permanent')`
)

func wordList(words ...string) string { return "'" + strings.Join(words, "', '") + "'" }

// expander writes the fragments into the texts of a store with these options.
func (d *dialect) expander(of schema.Dialect, o options) *strings.Replacer {
	gen := schema.NewQueryGen(of)
	literal := func(v any) string { return string(gen.Append(nil, v)) }
	fragments := map[string]string{
		"ns":       literal(o.namespace),
		"prefix":   literal(o.prefix),
		"identity": literal("identity:" + o.namespace),
		"ttl":      strconv.FormatInt(o.ttl.Milliseconds(), 10),
		"version":  literal(strconv.Itoa(schemaVersion)),
		"known":    knownWords,
		"idle":     idleWords,
		"final":    finalRuns,
		"settled":  settledOps,
		"kept":     attemptWords,
		"schema":   "NULL",
		"metaname": literal(`"` + o.prefix + `meta"`),
	}
	qualifier := ""
	if o.schema != "" {
		fragments["schema"], qualifier = literal(o.schema), `"`+o.schema+`".`
		fragments["schemaname"] = `"` + o.schema + `"`
	}
	for _, name := range []string{"meta", "leases", "controls", "runs", "ops", "attempts", "sequence", "dead_letters"} {
		fragments[name] = qualifier + `"` + o.prefix + name + `"`
	}
	for _, name := range []string{"runs_by_number", "runs_unfinished", "ops_by_run", "ops_by_seq", "attempts_by_run", "attempts_by_time"} {
		fragments[name] = `"` + o.prefix + name + `"` // an index is where its table is
	}
	var first, pairs []string
	for name, text := range d.fragments {
		if name == "here" && o.schema != "" {
			text = "TRUE" // it is not looked for
		}
		first = append(first, "{"+name+"}", text)
	}
	for name, text := range fragments {
		pairs = append(pairs, "{"+name+"}", text)
	}
	inner := strings.NewReplacer(pairs...)
	for i := 1; i < len(first); i += 2 {
		first[i] = inner.Replace(first[i])
	}
	return strings.NewReplacer(append(pairs, first...)...)
}
