package bunstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// schemaVersion is raised when the tables change in a way that this version cannot work with.
const schemaVersion = 3

// The tables check no state and the like, so that a newer version may have more of them.
//
// A row of ops has its current attempt in it: token, direction, owner, executable, started, finished,
// ended, lease, fence and life. The attempt is open if it has a token and is not finished. What a
// later claim or a mark supersedes is moved to attempts by the same transaction, and started is then
// NULL until the next claim.
var (
	createSchema = define("create schema", `CREATE SCHEMA IF NOT EXISTS {schemaname}`)
	createMeta   = define("create meta", `CREATE TABLE IF NOT EXISTS {meta} (name {key} PRIMARY KEY, value text NOT NULL){table}`)
	tables       = []*statement{
		define("create leases", `CREATE TABLE IF NOT EXISTS {leases} (
	ns {key} NOT NULL, name {key} NOT NULL,
	epoch bigint NOT NULL,
	holder text,
	owner text NOT NULL,
	since bigint NOT NULL,
	expires bigint,
	PRIMARY KEY (ns, name)
){table}`),
		define("create controls", `CREATE TABLE IF NOT EXISTS {controls} (
	ns {key} NOT NULL, id {key} NOT NULL,
	number bigint NOT NULL,
	wanted text NOT NULL,
	size bigint NOT NULL DEFAULT 0, rest bigint NOT NULL DEFAULT 0,
	until bigint,
	actor text NOT NULL DEFAULT '', reason text NOT NULL DEFAULT '',
	asked bigint,
	heard bigint NOT NULL DEFAULT 0, answered bigint,
	note text NOT NULL DEFAULT '', noted bigint,
	PRIMARY KEY (ns, id)
){table}`),
		define("create runs", `CREATE TABLE IF NOT EXISTS {runs} (
	ns {key} NOT NULL, id {key} NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	lease text NOT NULL, epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '', work text NOT NULL DEFAULT '', selection text NOT NULL DEFAULT '', saga boolean NOT NULL DEFAULT FALSE, error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
){table}`),
		define("index runs", `CREATE INDEX IF NOT EXISTS {runs_by_number} ON {runs} (ns, number)`),
		define("index unfinished runs", `CREATE INDEX IF NOT EXISTS {runs_unfinished} ON {runs} (ns, number) WHERE `+unfinished),
		define("create ops", `CREATE TABLE IF NOT EXISTS {ops} (
	ns {key} NOT NULL, id {key} NOT NULL,
	state text NOT NULL,
	run {key} NOT NULL DEFAULT '',
	delivery text NOT NULL,
	generation bigint NOT NULL DEFAULT 0,
	attempt bigint NOT NULL DEFAULT 0,
	crashes bigint NOT NULL DEFAULT 0,
	failures bigint NOT NULL DEFAULT 0,
	permanent boolean NOT NULL DEFAULT FALSE,
	seq bigint NOT NULL DEFAULT 0,
	token text, started bigint, finished bigint,
	direction text NOT NULL DEFAULT 'run',
	ended text NOT NULL DEFAULT '',
	owner text NOT NULL DEFAULT '', executable text NOT NULL DEFAULT '',
	lease text NOT NULL DEFAULT '', fence bigint NOT NULL DEFAULT 0, life text NOT NULL DEFAULT '',
	not_before bigint,
	saved {blob},
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, best bigint NOT NULL DEFAULT 0, moved bigint,
	tx bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
){table}`),
		define("index ops", `CREATE INDEX IF NOT EXISTS {ops_by_run} ON {ops} (ns, run, id)`),
		define("create attempts", `CREATE TABLE IF NOT EXISTS {attempts} (
	ns {key} NOT NULL, id {key} NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run {key} NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	token text NOT NULL,
	started bigint NOT NULL, finished bigint NOT NULL,
	state text NOT NULL,
	ended text NOT NULL DEFAULT '',
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
){table}`),
		define("index attempts by run", `CREATE INDEX IF NOT EXISTS {attempts_by_run} ON {attempts} (ns, run, id, number)`),
		define("index attempts by time", `CREATE INDEX IF NOT EXISTS {attempts_by_time} ON {attempts} (ns, finished)`),
	}
	createSequence    = define("create sequence", `CREATE SEQUENCE IF NOT EXISTS {sequence}`)
	createCompletions = define("index completions", `CREATE INDEX IF NOT EXISTS {ops_by_seq} ON {ops} (seq) WHERE seq > 0`)
	setVersion        = define("set version", `INSERT INTO {meta} (name, value) VALUES ('schema', {version})`)

	readVersion = define("read version", `SELECT value FROM {meta} WHERE name = 'schema' AND {here}`)
	findSchema  = define("find schema", `SELECT 1 FROM pg_namespace WHERE nspname = {schema}`)
)

// DDL is the text of what creates the ledger, exactly as the first Acquire executes it, one statement
// after another, each with a semicolon and an empty line behind it. It is for those whose service may
// not create tables: a role that may runs it once, and then the service's role needs no more than to
// SELECT, INSERT, UPDATE and DELETE in these tables, and on Postgres USAGE of the sequence (and of the
// schema, if there is one). It is "" if the store cannot be used.
func (s *Store) DDL() string {
	if s.err != nil {
		return ""
	}
	var text strings.Builder
	for _, statement := range s.ddl() {
		text.WriteString(s.compile(statement).text() + ";\n\n")
	}
	return text.String()
}

// ddl is what creates the ledger, in order.
func (s *Store) ddl() []*statement {
	var list []*statement
	if s.schema != "" {
		list = append(list, createSchema)
	}
	return append(append(append(list, createMeta), s.dialect.ddl...), setVersion)
}

// create makes the tables, in one transaction and so that any number of processes may do it at
// once.
func (s *Store) create(ctx context.Context) error {
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.pass()
	err := s.again(ctx, func() error {
		return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return s.createIn(ctx, tx) })
	})
	switch {
	case sqlState(err) == "42501": // insufficient privilege
		return fmt.Errorf("%w: let one that may run the statements of `seq schema` (Store.DDL), and grant this one SELECT, INSERT, UPDATE and DELETE on them: %w", store.ErrSchemaMissing, err)
	case err != nil:
		return fmt.Errorf("create the tables: %w", err)
	}
	return nil
}

func (s *Store) createIn(ctx context.Context, tx bun.Tx) error {
	if s.dialect.serialize != nil {
		if err := s.exec(ctx, tx, s.dialect.serialize); err != nil {
			return err
		}
	}
	for _, statement := range s.ddl() {
		switch statement {
		case createSchema:
			if there, err := s.matches(ctx, tx, findSchema); err != nil {
				return err
			} else if there {
				continue // a role that may create tables in it need not be one that may create it
			}
		case s.dialect.ddl[0]:
			version, err := s.version(ctx, tx)
			if err != nil || version != "" {
				return err // another process was first
			}
		}
		if err := s.exec(ctx, tx, statement); err != nil {
			return err
		}
	}
	return nil
}

// version reads the version of the tables, "" if there is none.
func (s *Store) version(ctx context.Context, c bun.IConn) (version string, err error) {
	err = s.query(ctx, c, func(r *row) error {
		version = r.text(0)
		return nil
	}, readVersion)
	return version, err
}

// checkVersion says whether this library can work with tables of a version.
func (s *Store) checkVersion(version string) error {
	n, err := strconv.Atoi(version)
	switch {
	case err != nil || n < 1:
		return fmt.Errorf("%w: table %s: schema version %q", store.ErrUnknownValue, s.table("meta"), version)
	case n > schemaVersion:
		return fmt.Errorf("%w: table %s says version %d, this library knows %d", store.ErrSchemaNewer, s.table("meta"), n, schemaVersion)
	case n < schemaVersion:
		return fmt.Errorf("%w: table %s says version %d, this library reads %d, and there is no way from one to the other: "+
			"rename or drop the tables %s, and tell the new ledger with Import what is done", store.ErrSchemaOlder, s.table("meta"), n, schemaVersion, s.table("*"))
	default:
		return nil
	}
}
