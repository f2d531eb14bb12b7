package integration_test

import (
	"fmt"
	"io/fs"
	"testing/fstest"
)

// memory are files in memory.
type memory map[string][]byte

func (m memory) Open(name string) (fs.File, error) {
	return fstest.MapFS{name: {Data: m[name]}}.Open(name)
}

// odd is what migrations of Postgres services have beside tables: words that look like others, bodies
// of all kinds, transactions of their own, what does not go in one. Each is up and down.
var odd = []struct{ name, up, down string }{
	{"audit", `-- CREATE INDEX CONCURRENTLY is for later; VACUUM; too
CREATE TYPE state AS ENUM ('new', 'done');
CREATE TABLE "commit" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state state NOT NULL DEFAULT 'new', note text DEFAULT E'it\'s; BEGIN; /* -- ');
COMMENT ON TABLE "commit" IS 'COMMIT; VACUUM; CONCURRENTLY';
/* a /* nested */ COMMIT; */`, `DROP TABLE "commit"; DROP TYPE state;`},
	{
		"bodies", `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $touch$
DECLARE n int := 1; -- one; two
BEGIN
  EXECUTE format($$SELECT %s; -- $touch %%$$, n);
  IF NEW.note IS NULL THEN NEW.note := 'x;'; END IF;
  RETURN NEW;
END;
$touch$;
CREATE TRIGGER touch BEFORE INSERT ON "commit" FOR EACH ROW EXECUTE FUNCTION touch();
CREATE PROCEDURE sweep() LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM "commit" WHERE state = 'done';
  COMMIT;
END $$;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT n * 2; END;`,
		`DROP FUNCTION twice(int); DROP PROCEDURE sweep(); DROP TRIGGER touch ON "commit"; DROP FUNCTION touch();`,
	},
	{"own", `-- as many write them
BEGIN;
CREATE TABLE own (id int PRIMARY KEY);
INSERT INTO own VALUES (1);
COMMIT;
`, `BEGIN;
DROP TABLE own;
COMMIT;`},
	{"enum", `ALTER TYPE state ADD VALUE IF NOT EXISTS 'late' AFTER 'new';`, `SELECT 1; -- there is no way back`},
	{"index", `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS commit_note ON "commit" (note) WHERE state = 'late';`, `DROP INDEX CONCURRENTLY commit_note;`},
	{"sweep", `CALL sweep();`, `-- nothing to do`},
	{"batches", `DO $$
BEGIN
  FOR i IN 1..3 LOOP
    INSERT INTO "commit" (note) VALUES ('batch ' || i);
    COMMIT;
  END LOOP;
END $$;`, `DELETE FROM "commit";`},
	{"view", `CREATE MATERIALIZED VIEW notes AS SELECT id, note FROM "commit";
CREATE UNIQUE INDEX notes_id ON notes (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY notes;`, `DROP MATERIALIZED VIEW notes;`},
}

// They are in the three formats as their tools want them: goose has the statements in a block, and no
// transaction where there must be none, nor where the file has its own.
var oddGoose, oddBun, oddPlain = func() (g, b, p fstest.MapFS) {
	g, b, p = fstest.MapFS{}, fstest.MapFS{}, fstest.MapFS{}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
	for i, s := range odd {
		alone := ""
		switch s.name {
		case "own", "index", "sweep", "batches":
			alone = "-- +goose NO TRANSACTION\n"
		}
		block := func(text string) string {
			return "-- +goose StatementBegin\n" + text + "\n-- +goose StatementEnd\n"
		}
		down := block(s.down)
		if s.name == "sweep" {
			down = block("SELECT 1;")
		}
		g[fmt.Sprintf("%05d_%s.sql", i+1, s.name)] = file(alone + "-- +goose up\n" + block(s.up) + "-- +goose down\n" + down)
		b[fmt.Sprintf("2024011512%04d_%s.up.sql", i, s.name)], b[fmt.Sprintf("2024011512%04d_%s.down.sql", i, s.name)] = file(s.up), file(s.down)
		p[fmt.Sprintf("%06d_%s.up.sql", i, s.name)], p[fmt.Sprintf("%06d_%s.down.sql", i, s.name)] = file(s.up), file(s.down)
	}
	return g, b, p
}()
