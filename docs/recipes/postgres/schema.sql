-- The ledger's tables, as the library makes them on first use, for where the program may not: what Store.DDL
-- returns. A test writes this file and holds it to that; see roles.sql.

CREATE TABLE IF NOT EXISTS "seq_meta" (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);

CREATE SEQUENCE IF NOT EXISTS "seq_sequence";

CREATE TABLE IF NOT EXISTS "seq_leases" (
	ns text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
	epoch bigint NOT NULL,
	holder text,
	owner text NOT NULL,
	since bigint NOT NULL,
	expires bigint,
	PRIMARY KEY (ns, name)
);

CREATE TABLE IF NOT EXISTS "seq_controls" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	wanted text NOT NULL,
	size bigint NOT NULL DEFAULT 0, rest bigint NOT NULL DEFAULT 0,
	until bigint,
	actor text NOT NULL DEFAULT '', reason text NOT NULL DEFAULT '',
	asked bigint,
	heard bigint NOT NULL DEFAULT 0, answered bigint,
	note text NOT NULL DEFAULT '', noted bigint,
	PRIMARY KEY (ns, id)
);

CREATE TABLE IF NOT EXISTS "seq_runs" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	lease text NOT NULL, epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '', work text NOT NULL DEFAULT '', selection text NOT NULL DEFAULT '', saga boolean NOT NULL DEFAULT FALSE, error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);

CREATE INDEX IF NOT EXISTS "seq_runs_by_number" ON "seq_runs" (ns, number);

CREATE INDEX IF NOT EXISTS "seq_runs_unfinished" ON "seq_runs" (ns, number) WHERE (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga);

CREATE TABLE IF NOT EXISTS "seq_ops" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	state text NOT NULL,
	run text COLLATE "C" NOT NULL DEFAULT '',
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
	saved bytea,
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, best bigint NOT NULL DEFAULT 0, moved bigint,
	tx bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);

CREATE INDEX IF NOT EXISTS "seq_ops_by_run" ON "seq_ops" (ns, run, id);

CREATE TABLE IF NOT EXISTS "seq_attempts" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run text COLLATE "C" NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	token text NOT NULL,
	started bigint NOT NULL, finished bigint NOT NULL,
	state text NOT NULL,
	ended text NOT NULL DEFAULT '',
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
);

CREATE INDEX IF NOT EXISTS "seq_attempts_by_run" ON "seq_attempts" (ns, run, id, number);

CREATE INDEX IF NOT EXISTS "seq_attempts_by_time" ON "seq_attempts" (ns, finished);

INSERT INTO "seq_meta" (name, value) VALUES ('schema', '3');

