package sqlite_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

type column struct{ table, name string }

// What can be wrong with a ledger: any value in any column. SQLite keeps what it is given,
// whatever the column's type.
var columns = []column{
	{"ops", "state"},
	{"ops", "run"},
	{"ops", "delivery"},
	{"ops", "generation"},
	{"ops", "attempt"},
	{"ops", "crashes"},
	{"ops", "token"},
	{"ops", "fence"},
	{"ops", "seq"},
	{"ops", "not_before"},
	{"ops", "saved"},
	{"ops", "error"},
	{"ops", "id"},
	{"ops", "ns"},
	{"ops", "failures"},
	{"ops", "permanent"},
	{"ops", "started"},
	{"ops", "finished"},
	{"ops", "direction"},
	{"ops", "ended"},
	{"ops", "owner"},
	{"ops", "executable"},
	{"ops", "lease"},
	{"ops", "life"},
	{"ops", "checksum"},
	{"ops", "done"},
	{"ops", "total"},
	{"ops", "best"},
	{"ops", "tx"},
	{"attempts", "number"},
	{"attempts", "direction"},
	{"attempts", "run"},
	{"attempts", "owner"},
	{"attempts", "executable"},
	{"attempts", "started"},
	{"attempts", "finished"},
	{"attempts", "state"},
	{"attempts", "ended"},
	{"attempts", "error"},
	{"attempts", "token"},
	{"attempts", "id"},
	{"runs", "id"},
	{"runs", "number"},
	{"runs", "strategy"},
	{"runs", "state"},
	{"runs", "owner"},
	{"runs", "lease"},
	{"runs", "epoch"},
	{"runs", "started"},
	{"runs", "finished"},
	{"runs", "reason"},
	{"leases", "epoch"},
	{"leases", "holder"},
	{"leases", "owner"},
	{"leases", "name"},
	{"leases", "since"},
	{"leases", "expires"},
	{"meta", "value"},
	{"meta", "name"},
	{"ops", "moved"},
	{"controls", "ns"},
	{"controls", "id"},
	{"controls", "number"},
	{"controls", "wanted"},
	{"controls", "size"},
	{"controls", "rest"},
	{"controls", "until"},
	{"controls", "actor"},
	{"controls", "reason"},
	{"controls", "asked"},
	{"controls", "heard"},
	{"controls", "answered"},
	{"controls", "note"},
	{"controls", "noted"},
}

// The rows of a ledger that has seen something. The last letter of an ID is that of its op below.
var hostileRows = []string{
	`DELETE FROM seq_meta`, `DELETE FROM seq_leases`, `DELETE FROM seq_runs`, `DELETE FROM seq_ops`, `DELETE FROM seq_attempts`, `DELETE FROM seq_controls`,
	`INSERT INTO seq_meta VALUES ('schema', '3'), ('identity:default', 'f00102030405060708090a0b0c0d0e0f')`,
	`INSERT INTO seq_leases VALUES ('default', 'run', 5, NULL, '{"host":"h","pid":1}', 1, 1)`,
	`INSERT INTO seq_controls VALUES
		('default', '2024_01_15_120300_d', 2, 'pause', 10, 20, NULL, 'ann', 'load', 1, 1, 2, 'paused', 2), ('default', 'run', 1, 'go', 0, 0, NULL, 'ann', 'why', 1, 0, NULL, '', NULL)`,
	`INSERT INTO seq_runs (ns, id, number, strategy, state, owner, lease, epoch, started, finished) VALUES
		('default', 'r1', 1, 'sequential', 'succeeded', '{"host":"h","pid":1}', 'run', 4, 1, 2),
		('default', 'r2', 2, 'sequential', 'started', '{"host":"h","pid":1}', 'run', 5, 1, NULL)`,
	//nolint:dupword // a column after another is NULL
	`INSERT INTO seq_ops (ns, id, state, run, delivery, generation, attempt, crashes, token, lease, fence, seq, not_before, saved, error, owner) VALUES
		('default', '2024_01_15_120000_a', 'succeeded', 'r1', 'repeatable', 1, 1, 0, NULL, 'run', 4, 1, NULL, x'31', '', '{"host":"h"}'),
		('default', '2024_01_15_120100_b', 'indeterminate', 'r2', 'once', 1, 1, 1, NULL, 'run', 5, 0, NULL, NULL, 'its process died', ''),
		('default', '2024_01_15_120200_c', 'rollback-failed', 'r1', 'repeatable', 1, 2, 0, NULL, 'run', 4, 2, NULL, NULL, 'boom', ''),
		('default', '2024_01_15_120300_d', 'failed', 'r1', 'repeatable', 1, 1, 0, NULL, 'run', 4, 0, NULL, NULL, 'boom', ''),
		('default', '2024_01_15_120400_e', 'scheduled', 'r1', 'repeatable', 0, 0, 0, NULL, '', 0, 0, 32503680000000, NULL, '', ''),
		('default', '2024_01_15_120600_g', 'running', 'r2', 'once', 1, 1, 0, '000102030405060708090a0b0c0d0e0f', 'run', 5, 0, NULL, NULL, '', ''),
		('default', '2024_01_15_120700_h', 'running', 'r2', 'transactional', 1, 1, 0, '100102030405060708090a0b0c0d0e0f', 'run', 5, 0, NULL, NULL, '', ''),
		('default', '2024_01_15_120800_i', 'pending', 'r1', 'repeatable', 1, 3, 3, NULL, 'run', 4, 0, NULL, NULL, 'its process died', ''),
		('default', '2024_01_15_129900_gone', 'succeeded', 'r1', 'repeatable', 1, 1, 0, NULL, 'run', 4, 3, NULL, NULL, '', '')`,
	`UPDATE seq_ops SET started = 1, finished = CASE WHEN token IS NULL THEN 2 END, ended = CASE WHEN crashes > 0 THEN 'lost' ELSE '' END,
		token = coalesce(token, hex(randomblob(16))) WHERE attempt > 0`,
	`INSERT INTO seq_attempts (ns, id, number, direction, run, owner, token, started, finished, state, ended)
		SELECT ns, id, attempt - 1, 'run', run, '{"host":"h","pid":1}', 'x', 1, 2, 'failed', '' FROM seq_ops WHERE attempt > 1`,
}

// hostile is a value as the fuzzer chose it.
func hostile(kind byte, number int64, text string) any {
	known := []string{
		"pending", "scheduled", "running", "succeeded", "skipped", "failed", "tolerated", "indeterminate", "rollback-pending",
		"rolling-back", "rolled-back", "rollback-failed", "repeatable", "transactional", "once", "started", "default", "warped",
		"2024_01_15_120000_a", "2024_01_15_120300_d", "r2", "000102030405060708090a0b0c0d0e0f", "3", "hold", "stop",
	}
	switch kind % 8 {
	case 0:
		return nil
	case 1, 2:
		return number
	case 3:
		return text
	case 4:
		return []byte(text)
	case 5:
		return math.Float64frombits(uint64(number))
	default:
		return known[int(kind/8)%len(known)]
	}
}

// FuzzHostileRows puts arbitrary values into a ledger. Whatever they are, there is an answer, or
// an error that says where to look, and nothing is called that must not be called, going by what
// the rows say.
func FuzzHostileRows(f *testing.F) {
	for i := range columns {
		for _, kind := range []byte{1, 4, 6 + 8*17, []byte{0, 3, 5, 7 + 8*9}[i%4]} {
			f.Add([]byte{byte(i), byte(i), kind}, int64(-1), "hostile")
		}
		if i%2 == 0 {
			f.Add([]byte{byte(i), 3, 1}, int64(math.MaxInt64-1), "")
		}
		f.Add([]byte{byte(i), 3, 3}, int64(0), "a\x00b\xff\x1b[2J\n"+strings.Repeat("long", 2_000))
		f.Add([]byte{byte(i), 3, 3}, int64(0), "a\x00b\x1b[2J\n")
	}
	f.Add([]byte{0, 3, 6 + 8*2, 6, 3, 6 + 8*21}, int64(0), "") // running, with the token of another
	// A Once op that is running and has no token; a second row whose ID is a blob; the host of
	// whoever holds the lease, with control characters; an epoch that has no next.
	f.Add([]byte{6, 5, 0}, int64(0), "")
	f.Add([]byte{12, 3, 4}, int64(0), "2024_01_15_120000_a")
	f.Add([]byte{36, 0, 3, 37, 0, 3, 40, 0, 1}, int64(9_000_000_000_001), "host \x1b[2J")
	f.Add([]byte{35, 0, 1}, int64(math.MaxInt64), "")
	s := open(f, ":memory:")
	if err := s.Release(f.Context(), acquire(f, s)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, where []byte, number int64, text string) {
		for _, q := range hostileRows {
			query(t, s.DB(), q)
		}
		var touched []string
		for ; len(where) >= 3 && len(touched) < 4; where = where[3:] {
			c := columns[int(where[0])%len(columns)]
			touched = append(touched, "seq_"+c.table)
			q := fmt.Sprintf(`UPDATE seq_%[1]s SET %[2]s = ?1 WHERE (SELECT count(*) FROM seq_%[1]s) > 0 AND %[3]s =
				(SELECT %[3]s FROM seq_%[1]s ORDER BY %[3]s LIMIT 1 OFFSET %[4]d %% (SELECT max(count(*), 1) FROM seq_%[1]s))`,
				c.table, c.name, map[string]string{"ops": "id", "attempts": "id", "runs": "id", "leases": "ns", "meta": "name", "controls": "id"}[c.table], where[1])
			// The driver's own arguments, so that nothing quotes or cuts them. What the table
			// itself refuses, nobody can have written.
			_, _ = s.DB().DB.ExecContext(t.Context(), q, hostile(where[2], number, text))
		}
		watchdog := time.AfterFunc(30*time.Second, func() { panic(fmt.Sprintf("hangs: %q %d %q", where, number, text)) })
		defer watchdog.Stop()
		tryAll(t, s, touched)
	})
}

// tryAll calls everything that reads rows.
func tryAll(t *testing.T, s *bunstore.Store, touched []string) {
	t.Helper()
	check := func(what string, err error) {
		t.Helper()
		if err == nil {
			return
		}
		text := err.Error()
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }) {
			t.Fatalf("%s: something came through raw: %q", what, text)
		}
		named := strings.Contains(text, "2024_01_15_12") // an op
		for _, table := range touched {
			named = named || strings.Contains(text, table)
		}
		for _, word := range []string{"holds the ledger", "the ledger is held", "the lease", "run r", "create the tables"} {
			named = named || strings.Contains(text, word)
		}
		if !named {
			t.Fatalf("%s: it does not say where to look: %q", what, text)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must := forbidden(t, s)
	entries, err := s.Load(ctx)
	check("Load", err)
	for i := range entries {
		_, err := s.History(ctx, entries[i].ID, store.Page{Limit: 10})
		check("History", err)
	}
	_, err = s.Runs(ctx, store.Page{Limit: 10})
	check("Runs", err)
	_, err = s.RunAttempts(ctx, "r1", store.Position{}, 10)
	check("RunAttempts", err)
	_, _, err = s.LookupRun(ctx, "r2")
	check("LookupRun", err)
	_, err = s.Leases(ctx)
	check("Leases", err)
	_, err = s.Identity(ctx)
	check("Identity", err)
	_, err = s.Prune(ctx, store.Retention{})
	check("Prune", err)
	controls, err := s.Controls(ctx)
	check("Controls", err)
	for i := range controls {
		_, err = s.Control(ctx, controls[i].ID)
		check("Control", err)
	}
	asked, err := s.Control(ctx, seqtest.ID(3, "d"))
	check("Control", err)
	check("Ask", s.Ask(ctx, store.Control{ID: asked.ID, Number: asked.Number + 1, Wanted: store.WantPause}))

	var called []string
	ops := hostileOps(func(id string) { called = append(called, id) })
	q := seq.New(s, ops...)
	plan, previewed := q.Preview(ctx)
	check("Preview", previewed)
	if plan != nil {
		_ = plan.String()
	}
	r, ran := q.Run(ctx, seq.Isolate(seq.OrFail))
	check("Run", ran)
	_ = r.String()
	for _, id := range called {
		if why := must[id]; why != "" {
			t.Fatalf("%s was called although %s; Run: %v\n%s", id, why, ran, r)
		}
	}
	if previewed != nil && len(called) > 0 {
		t.Fatalf("Preview fails with %v, and yet Run called %q", previewed, called)
	}
	r, err = q.Rollback(ctx, seq.Isolate(seq.OrFail))
	check("Rollback", err)
	_ = r.String()
	for _, id := range []string{seqtest.ID(1, "b"), seqtest.ID(2, "c")} {
		check("Resolve", q.Resolve(ctx, id, seq.NotDone, "looked", seq.Isolate(seq.OrFail)))
	}
	lease, err := s.Acquire(ctx, store.RunLease, owner)
	check("Acquire", err)
	if err == nil {
		check("Renew", s.Renew(ctx, lease))
		check("Answer", s.Answer(ctx, lease, store.Answer{ID: asked.ID, Seen: 3, Note: "n"}))
		check("Release", s.Release(ctx, lease))
	}
	check("Revoke", s.Revoke(ctx, store.RunLease))
	if ctx.Err() != nil {
		t.Fatal("it took longer than 10 s")
	}
}

// hostileOps are the ops that the rows are about. A Rollback is not told: which ones run is the
// ledger's to say.
func hostileOps(called func(id string)) []seq.Op {
	var ops []seq.Op
	for i, name := range strings.Split("abcdefghi", "") {
		op := seqtest.Succeeds(seqtest.ID(i, name))
		op.Run = func(context.Context) error { called(op.ID); return nil }
		switch name {
		case "b", "g":
			op.Delivery = store.Once
		case "e":
			op.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Hour) }
		case "f":
			op.DependsOn = []string{seqtest.ID(3, "d")}
		case "h":
			op.Delivery = store.Transactional
		}
		op.AllowedToFail = true // so that the next one has its turn
		ops = append(ops, op)
	}
	return ops
}

// forbidden says, going by the rows alone, why an op must not be called.
func forbidden(t *testing.T, s *bunstore.Store) map[string]string {
	t.Helper()
	why := map[string]string{}
	rows, err := s.DB().DB.QueryContext(t.Context(), `SELECT CAST(id AS text), CAST(state AS text), CAST(delivery AS text),
		typeof(crashes) = 'integer' AND crashes >= 3, typeof(not_before) = 'integer' AND not_before > 32503679999999
		FROM seq_ops WHERE ns = 'default' ORDER BY typeof(id) = 'text'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	states := "waived pending scheduled running succeeded skipped failed tolerated indeterminate rollback-pending rolling-back rolled-back rollback-failed"
	var unknown string
	for rows.Next() {
		var id, state, delivery string
		var poisoned, early bool
		if err := rows.Scan(&id, &state, &delivery, &poisoned, &early); err != nil {
			t.Fatal(err)
		}
		switch {
		case !slices.Contains(strings.Fields(states), state):
			why[id] = fmt.Sprintf("its state is %q", state)
		case !slices.Contains([]string{"repeatable", "transactional", "once"}, delivery):
			why[id] = fmt.Sprintf("its delivery is %q", delivery)
		case state == "succeeded" || state == "rollback-failed":
			why[id] = "it is " + state
		case delivery == "once" && (state == "indeterminate" || state == "running"):
			why[id] = "it is at most once and " + state
		case state == "rolling-back":
			why[id] = "" // its end is the next run's to see to
		case poisoned && state != "rollback-pending":
			why[id] = "it killed three processes"
		case early && state == "scheduled" && strings.HasSuffix(id, "_e"):
			why[id] = "it is not due"
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var version string
	if err := s.DB().DB.QueryRowContext(t.Context(), `SELECT CAST(value AS text) FROM seq_meta WHERE name = 'schema'`).Scan(&version); err == nil && version != "3" && version != "" {
		unknown = fmt.Sprintf("the schema's version is %q", version)
	}
	var held bool
	if err := s.DB().DB.QueryRowContext(t.Context(), `SELECT holder IS NOT NULL AND typeof(expires) = 'integer' AND expires > 9000000000000 FROM seq_leases WHERE ns = 'default' AND name = 'run'`).Scan(&held); err == nil && held {
		unknown = "somebody holds the lease"
	}
	if err := s.DB().DB.QueryRowContext(t.Context(), `SELECT wanted IN ('hold', 'stop') AND (until IS NULL OR typeof(until) = 'integer' AND until > 9000000000000) FROM seq_controls WHERE ns = 'default' AND id = 'run'`).Scan(&held); err == nil && held {
		unknown = "it is held back"
	}
	if unknown != "" {
		for i, name := range strings.Split("abcdefghi", "") {
			why[seqtest.ID(i, name)] = unknown
		}
	}
	return why
}
