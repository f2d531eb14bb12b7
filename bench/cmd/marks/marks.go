package main

// A mark is what a benchmark should reach: at most limit times its peer, or at most limit itself
// when there is no peer. Without a limit it is only shown.
type mark struct {
	what  string
	name  string
	peer  string // "" if the limit is absolute
	unit  string
	limit float64
}

const (
	ns     = "ns/step"
	allocs = "allocs/step"
	ratio  = "makespan/bound"
	ttls   = "takeover/TTL"
	median = "median-ms"
	most   = "slowest-ms"
)

// marks are all of them, in the order of the table.
var marks = append([]mark{
	{"walk a: 10,000 independent steps", "Walk/load=a/by=dataflow", "Walk/load=a/by=floor", ns, 3},
	{"", "Walk/load=a/by=dataflow", "Walk/load=a/by=errgroup", ns, 0.5},
	{"", "Walk/load=a/by=dataflow", "", allocs, 0.1},
	{"with making the walk", "Walk/load=a/by=walk+dataflow", "Walk/load=a/by=floor", ns, 0},
	{"walk b: a chain of 1,000", "Walk/load=b/by=dataflow", "Walk/load=b/by=floor", ns, 3},
	{"", "Walk/load=b/by=dataflow", "Walk/load=b/by=errgroup", ns, 0.5},
	{"", "Walk/load=b/by=dataflow", "", allocs, 0.1},
	{"with making the walk", "Walk/load=b/by=walk+dataflow", "Walk/load=b/by=floor", ns, 0},
	{"walk c: 10,000 steps, 50,000 edges", "Walk/load=c/by=dataflow", "Walk/load=c/by=floor", ns, 3},
	{"", "Walk/load=c/by=dataflow", "Walk/load=c/by=errgroup", ns, 0.5},
	{"", "Walk/load=c/by=dataflow", "", allocs, 0.1},
	{"with making the walk", "Walk/load=c/by=walk+dataflow", "Walk/load=c/by=floor", ns, 0},

	{"plan c", "Plan/load=c/by=waves", "Plan/load=c/by=kahn", ns, 3},
	{"plan e: 1,000,000 steps", "Plan/load=e/by=waves", "Plan/load=e/by=kahn", ns, 3},
	{"e, from ops to the checked plan (1,000 ns a step: 1 s)", "Plan/load=e/by=preview", "", ns, 1000},
	{"memory of it, beside that of c", "Plan/load=e/by=preview", "Plan/load=c/by=preview", "B/step", 1.1},

	{"a whole Run of a, ledger in memory", "Run/load=a/by=eager", "Run/load=a/by=errgroup", ns, 1},
	{"beside a record of each op in a map", "Run/load=a/by=eager", "Run/load=a/by=map", ns, 0},
	{"", "Run/load=a/by=eager", "", allocs, 3},
	{"a whole Run of b", "Run/load=b/by=eager", "Run/load=b/by=errgroup", ns, 1},
	{"beside a record of each op in a map", "Run/load=b/by=eager", "Run/load=b/by=map", ns, 0},
	{"", "Run/load=b/by=eager", "", allocs, 3},
	{"a whole Run of c", "Run/load=c/by=eager", "Run/load=c/by=errgroup", ns, 1},
	{"beside a record of each op in a map", "Run/load=c/by=eager", "Run/load=c/by=map", ns, 0},
	{"", "Run/load=c/by=eager", "", allocs, 3},
	{"memory of a Run of e, at its highest", "Memory", "", "peak-B/step", 1024},
	{"what the ledger and the report keep of it", "Memory", "", "kept-B/step", 1024},

	{"makespan of c, 2 workers", "Makespan/load=c/workers=2/by=dataflow", "", ratio, 1.1},
	{"in waves", "Makespan/load=c/workers=2/by=parallel", "", ratio, 0},
	{"makespan of c, 8 workers", "Makespan/load=c/workers=8/by=dataflow", "", ratio, 1.1},
	{"in waves", "Makespan/load=c/workers=8/by=parallel", "", ratio, 0},
	{"makespan of c, 64 workers", "Makespan/load=c/workers=64/by=dataflow", "", ratio, 1.1},
	{"in waves", "Makespan/load=c/workers=64/by=parallel", "", ratio, 0},
	{"makespan of d, 2 workers", "Makespan/load=d/workers=2/by=dataflow", "", ratio, 1.1},
	{"in waves", "Makespan/load=d/workers=2/by=parallel", "", ratio, 0},
	{"makespan of d, 8 workers", "Makespan/load=d/workers=8/by=dataflow", "", ratio, 1.1},
	{"in waves", "Makespan/load=d/workers=8/by=parallel", "", ratio, 0},
	{"makespan of d, 64 workers", "Makespan/load=d/workers=64/by=dataflow", "", ratio, 1.1},
	{"in waves", "Makespan/load=d/workers=64/by=parallel", "", ratio, 0},

	{"a commit of one row, Postgres", "Commit/db=postgres", "", ns, 0},
	{"a commit of one row, SQLite", "Commit/db=sqlite", "", ns, 0},
	{"Postgres, 1,000 Transactional, Sequential", "Up/db=postgres/by=seq-transactional", "Up/db=postgres/by=goose", ns, 1.8},
	{"Postgres, 1,000 Repeatable, Sequential", "Up/db=postgres/by=seq-repeatable", "Up/db=postgres/by=goose", ns, 1.25},
	{"Postgres, 1,000 Repeatable, Batch of 32", "Up/db=postgres/by=seq-batch", "Up/db=postgres/by=goose", ns, 0.35},
	{"", "Up/db=postgres/by=seq-batch", "Up/db=postgres/by=bulk-insert", ns, 0},
	{"a trip takes 5 ms, 100 Transactional", "Far/by=seq-transactional", "Far/by=goose", ns, 1},
	{"the same, Repeatable", "Far/by=seq-repeatable", "Far/by=goose", ns, 0.6},
	{"the same, Batch of 32", "Far/by=seq-batch", "Far/by=goose", ns, 0},
	{"allocations, Transactional", "Up/db=postgres/by=seq-transactional", "", allocs, 0},
	{"allocations, Batch of 32", "Up/db=postgres/by=seq-batch", "", allocs, 0},
	{"write-ahead log, Transactional", "Up/db=postgres/by=seq-transactional", "Up/db=postgres/by=goose", "wal-B/step", 0},
	{"write-ahead log, Batch of 32", "Up/db=postgres/by=seq-batch", "Up/db=postgres/by=goose", "wal-B/step", 0},
	{"on disk, Transactional", "Up/db=postgres/by=seq-transactional", "Up/db=postgres/by=goose", "disk-B/step", 0},
	{"on disk, Batch of 32", "Up/db=postgres/by=seq-batch", "Up/db=postgres/by=goose", "disk-B/step", 0},
	{"updates that touch no index, Transactional", "Up/db=postgres/by=seq-transactional", "", "hot-%", 0},
	{"updates that touch no index, Batch of 32", "Up/db=postgres/by=seq-batch", "", "hot-%", 0},
	{"bun/migrate, for comparison", "Up/db=postgres/by=bun", "Up/db=postgres/by=goose", ns, 0},
	{"nothing to do, 1,000", "NothingToDo/n=1000/by=seq-repeatable", "NothingToDo/n=1000/by=goose", ns, 1.3},
	{"nothing to do, 100,000 (1,000 ns a step: 100 ms)", "NothingToDo/n=100000/by=seq-repeatable", "", ns, 1000},
	{"", "NothingToDo/n=100000/by=seq-repeatable", "NothingToDo/n=100000/by=goose", ns, 1},
	{"status of 1,000", "Status/n=1000/by=seq-repeatable", "Status/n=1000/by=bun", ns, 1},
	{"", "Status/n=1000/by=seq-repeatable", "Status/n=1000/by=goose", ns, 0},

	{"SQLite, 1,000 Transactional, Sequential", "Up/db=sqlite/by=seq-transactional", "Up/db=sqlite/by=goose", ns, 1.7},
	{"SQLite, 1,000 Repeatable, Sequential", "Up/db=sqlite/by=seq-repeatable", "Up/db=sqlite/by=goose", ns, 1.4},

	{"Postgres, 100 analyzed and 10,000 more, Transactional", "Growth/db=postgres/by=seq-transactional/n=10000", "Growth/db=postgres/by=seq-transactional/n=1000", ns, 1.2},
	{"the same, Repeatable", "Growth/db=postgres/by=seq-repeatable/n=10000", "Growth/db=postgres/by=seq-repeatable/n=1000", ns, 1.2},
	{"the same, Batch of 32", "Growth/db=postgres/by=seq-batch/n=10000", "Growth/db=postgres/by=seq-batch/n=1000", ns, 1.2},
	{"SQLite, 100 analyzed and 10,000 more, Transactional", "Growth/db=sqlite/by=seq-transactional/n=10000", "Growth/db=sqlite/by=seq-transactional/n=1000", ns, 1.2},
	{"the same, Repeatable", "Growth/db=sqlite/by=seq-repeatable/n=10000", "Growth/db=sqlite/by=seq-repeatable/n=1000", ns, 1.2},
	{"the same, Batch of 32", "Growth/db=sqlite/by=seq-batch/n=10000", "Growth/db=sqlite/by=seq-batch/n=1000", ns, 1.2},

	{"Postgres, a batch of 100 rows, with the cursor", "Backfill/db=postgres/rows=100/by=dense", "Backfill/db=postgres/rows=100/by=floor", ns, 1.5},
	{"the same by keyset", "Backfill/db=postgres/rows=100/by=keyset", "Backfill/db=postgres/rows=100/by=floor", ns, 0},
	{"Postgres, 1,000 rows", "Backfill/db=postgres/rows=1000/by=dense", "Backfill/db=postgres/rows=1000/by=floor", ns, 1.25},
	{"the same by keyset", "Backfill/db=postgres/rows=1000/by=keyset", "Backfill/db=postgres/rows=1000/by=floor", ns, 0},
	{"SQLite, a batch of 100 rows, with the cursor", "Backfill/db=sqlite/rows=100/by=dense", "Backfill/db=sqlite/rows=100/by=floor", ns, 1.5},
	{"the same by keyset", "Backfill/db=sqlite/rows=100/by=keyset", "Backfill/db=sqlite/rows=100/by=floor", ns, 0},
	{"SQLite, 1,000 rows", "Backfill/db=sqlite/rows=1000/by=dense", "Backfill/db=sqlite/rows=1000/by=floor", ns, 1.25},
	{"the same by keyset", "Backfill/db=sqlite/rows=1000/by=keyset", "Backfill/db=sqlite/rows=1000/by=floor", ns, 0},
	{"Postgres, a deploy beside a backfill", "DeployBesideBackfill/db=postgres/by=beside", "", median, 60},
	{"the slowest of twenty", "DeployBesideBackfill/db=postgres/by=beside", "", "p95-ms", 300},
	{"SQLite, a deploy beside a backfill", "DeployBesideBackfill/db=sqlite/by=beside", "", median, 100},
	{"the slowest of twenty", "DeployBesideBackfill/db=sqlite/by=beside", "", "p95-ms", 400},

	{"Postgres, a worker is killed: until another has committed a batch", "Takeover/db=postgres", "", ttls, 1.1},
	{"SQLite, the same", "Takeover/db=sqlite", "", ttls, 1.1},
	{"Postgres, a worker is told to end: the same", "Handover/db=postgres", "", median, 1000},
	{"SQLite, the same", "Handover/db=sqlite", "", median, 1000},
	{"Postgres, a pause in batches of 50 ms, until it is heard", "Pause/db=postgres/at=batch", "", median, 100},
	{"the slowest", "Pause/db=postgres/at=batch", "", most, 100},
	{"SQLite, the same", "Pause/db=sqlite/at=batch", "", median, 100},
	{"the slowest", "Pause/db=sqlite/at=batch", "", most, 100},
	{"Postgres, a pause at a closed gate", "Pause/db=postgres/at=gate", "", median, 1000},
	{"the slowest", "Pause/db=postgres/at=gate", "", most, 1000},
	{"SQLite, the same", "Pause/db=sqlite/at=gate", "", median, 1000},
	{"the slowest", "Pause/db=sqlite/at=gate", "", most, 1000},
}, sizeMarks()...)

// sizeMarks are of what a large ledger costs to read: a step of a million beside a step of a hundred
// thousand, in time and in memory, which is about 1 if it is linear. A page of an op's history is to cost the same,
// so its share of a step is to fall.
func sizeMarks() (list []mark) {
	for _, db := range []struct{ name, dir string }{{"Postgres", "postgres"}, {"SQLite", "sqlite"}} {
		for _, of := range []struct {
			what, name string
			most       float64
		}{
			{"a start with nothing to do", "start", 1.3},
			{"the status", "status", 1.3},
			{"all entries", "load", 1.3},
			{"the console's first view", "page", 1.3},
			{"50 of an op's attempts", "history", 0.3},
		} {
			at := func(n string) string { return "Size/db=" + db.dir + "/n=" + n + "/of=" + of.name }
			list = append(list,
				mark{db.name + ", 1,000: " + of.what, at("1000"), "", ns, 0},
				mark{"100,000", at("100000"), "", ns, 0},
				mark{"1,000,000", at("1000000"), at("100000"), ns, of.most},
				mark{"memory", at("1000000"), at("100000"), "B/step", of.most})
		}
	}
	return list
}
