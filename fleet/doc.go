// Package fleet runs the steps of a plan on any number of worker processes, with the same ops, strategies and
// promises as on one machine. River (github.com/riverqueue/river, MPL-2.0) queues the orders and hands them out,
// on Postgres; [Loopback] does the same in one process.
//
//	transport := fleet.River(pool)
//	seq.New(ledger, ops...).Use(strategies.DependencyGraph(strategies.Limit(500)), fleet.Middleware(transport)).Run(ctx)
//
// The process that calls Run is the leader. It holds the lease, plans, asks conditions, keeps the schedule and
// decides on rollbacks. In place of calling an op it sends an [Order], and waits until the ledger has the
// outcome. A worker, [Serve] or [NewWorker], is made of a sequencer that has the same ops on the same ledger.
// It claims the op under the leader's lease, calls it through its own middleware from the record layer inwards
// (retry, timeout, whatever surrounds a call), and records the outcome.
//
// # The ledger alone decides
//
// An order is good for one attempt of one op, under one lease: it may come late, twice or never. What River
// says of a job never decides whether an op ran. A worker has a life, a lease of its own that it renews; what it
// has begun hangs on that. So the leader may die and be replaced while workers go on, and the attempt of a
// worker is closed as lost only when its life has expired.
//
// # What does not cross machines
//
// The context of Run with its values, and the identity of an op's error: the leader sees its text, and
// whether it came from seq.Permanent, seq.NotApplied or seq.Skip. Lines of seq.Logger stay with the worker.
package fleet
