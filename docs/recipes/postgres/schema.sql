-- The ledger's tables, as the library makes them on first use, for where the program may not. Written by
-- a test, which also holds it to what the library does; see roles.sql.
CREATE TABLE IF NOT EXISTS "seq_meta" (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS "seq_leases" (
	ns text COLLATE "C" PRIMARY KEY,
	epoch bigint NOT NULL,
	holder text,
	host text NOT NULL, pid bigint NOT NULL, revision text NOT NULL, actor text NOT NULL,
	since bigint NOT NULL,
	expires bigint
);
CREATE TABLE IF NOT EXISTS "seq_runs" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	host text NOT NULL, pid bigint NOT NULL, revision text NOT NULL, actor text NOT NULL,
	epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);
CREATE INDEX IF NOT EXISTS "seq_runs_by_number" ON "seq_runs" (ns, number);
CREATE TABLE IF NOT EXISTS "seq_ops" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	state text NOT NULL,
	run text NOT NULL DEFAULT '',
	delivery text NOT NULL,
	generation bigint NOT NULL DEFAULT 0,
	attempt bigint NOT NULL DEFAULT 0,
	crashes bigint NOT NULL DEFAULT 0,
	token text,
	fence bigint NOT NULL DEFAULT 0,
	seq bigint NOT NULL DEFAULT 0,
	not_before bigint,
	saved bytea,
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);
CREATE TABLE IF NOT EXISTS "seq_attempts" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run text NOT NULL,
	host text NOT NULL, pid bigint NOT NULL, revision text NOT NULL, actor text NOT NULL,
	token text NOT NULL,
	started bigint NOT NULL, finished bigint,
	state text NOT NULL,
	lost boolean NOT NULL DEFAULT FALSE,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
);
INSERT INTO "seq_meta" (name, value) VALUES ('schema', '1');
