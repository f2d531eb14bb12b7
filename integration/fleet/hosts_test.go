package fleet_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/internal/lab"
	"github.com/sequencer-go/seq/store"
)

// TestHosts: workers and leaders with addresses of their own, of which one is paused, killed, or cut off from the
// network, while it works.
func TestHosts(t *testing.T) {
	l := lab.New(t)
	for _, f := range lab.Faults {
		t.Run(f.Name, func(t *testing.T) {
			t.Run("a worker", func(t *testing.T) { t.Parallel(); strikeWorker(t, l, f) })
			t.Run("the leader", func(t *testing.T) { t.Parallel(); strikeLeader(t, l, f, lease) })
		})
	}
}

// hosted starts n hosts with a role in a world.
func hosted(t *testing.T, l *lab.Lab, w world, role string, n int) lab.Hosts {
	t.Helper()
	w.DSN = l.Inside(w.DSN)
	hosts, err := l.Start(t.Context(), w.env(role), n)
	t.Cleanup(func() {
		for host := range hosts {
			said := hosts.Said(context.WithoutCancel(t.Context()), host)
			if races := strings.Contains(said, raceFound); races || t.Failed() && said != "" {
				t.Logf("%s on %s: %s", role, host, said)
				if races {
					t.Fail()
				}
			}
		}
		hosts.Remove()
	})
	if err != nil {
		t.Fatal(err)
	}
	return hosts
}

// only is the name of the one host.
func only(hosts lab.Hosts) string {
	for host := range hosts {
		return host
	}
	return ""
}

// outcome is what a run in a goroutine has returned.
type outcome struct {
	report *seq.Report
	err    error
}

func (p *process) lead(t *testing.T, w world) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		report, err := p.leader(w).Run(t.Context())
		ended <- outcome{report, err}
	}()
	return ended
}

// lifeOf is the latest life of a host, or of a process by its number, "" if it has none.
func (p *process) lifeOf(t *testing.T, who string) (life string) {
	t.Helper()
	row := p.pool.QueryRow(context.Background(), `SELECT coalesce((SELECT name FROM seq_leases
		WHERE name LIKE 'life:%' AND $1 IN (owner::jsonb->>'host', owner::jsonb->>'pid') ORDER BY since DESC LIMIT 1), '')`, who)
	if err := row.Scan(&life); err != nil {
		t.Fatal(err)
	}
	return life
}

// holder is who has a lease now, "" if nobody.
func (p *process) holder(t *testing.T, name string) (host string) {
	t.Helper()
	held, err := p.ledger.Holder(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if held == nil {
		return ""
	}
	return held.Holder.Host
}

// lostOnlyOf checks that attempts were closed as lost, and all of one host or process.
func (p *process) lostOnlyOf(t *testing.T, who string) {
	t.Helper()
	if p.lost(t) == 0 {
		t.Error("the worker had begun nothing")
	}
	const others = `SELECT count(*) FROM (SELECT owner, ended FROM seq_attempts UNION ALL SELECT owner, ended FROM seq_ops) AS a
		WHERE ended = 'lost' AND $1 NOT IN (owner::jsonb->>'host', owner::jsonb->>'pid')`
	if n := p.count(t, others, who); n > 0 {
		t.Errorf("%d attempts of workers that live were closed as lost", n)
	}
}

// A worker of three is struck in the middle of its ops. The run goes on, with others; whoever is healed lives again and
// works on.
func strikeWorker(t *testing.T, l *lab.Lab, f lab.Fault) {
	w := world{Ops: 120, Sleep: 300 * time.Millisecond, Sleeper: f.Heal != nil, DSN: l.Database(t)}
	short := w.dying()
	short.Cut = 3 * lease
	p := create(t, &w)
	hosts := hosted(t, l, short, "worker", 1)
	victim := only(hosts)
	others := hosted(t, l, w, "worker", 2)
	ended := p.lead(t, w)
	life := ""
	eventually(t, "the middle", func() bool {
		if p.done(t) > 20 {
			life = p.lifeOf(t, victim)
		}
		return life != "" && p.count(t, "SELECT count(*) FROM seq_ops WHERE state = 'running' AND life = $1", life) > 0
	})
	if err := f.Strike(t.Context(), l, victim); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its life is over, and others have what it had begun", func() bool { return p.holder(t, life) == "" && p.lost(t) > 0 })
	if f.Heal != nil {
		if err := f.Heal(t.Context(), l, victim); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it lives again", func() bool { again := p.lifeOf(t, victim); return again != life && p.holder(t, again) == victim })
	}
	run := <-ended
	for host := range others {
		if err := l.Terminate(t.Context(), host); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the others have drained", func() bool { return others.Ended(t.Context(), "") })
	if f.Heal != nil {
		if err := l.Terminate(t.Context(), victim); err != nil {
			t.Error(err)
		}
		eventually(t, "what was healed has drained", func() bool { return hosts.Ended(t.Context(), "") })
	}
	again, unknown := p.audit(t, w)
	if (run.err == nil) != (unknown == 0) || run.report.State == seq.RunInterrupted {
		t.Errorf("%s, %v, and %d unknown", run.report.State, run.err, unknown)
	}
	t.Logf("%s; %d attempts lost, %d ops done twice, %d Once ops unknown", run.report.State, p.lost(t), again, unknown)
	p.lostOnlyOf(t, victim)
}

// The leader is struck. Another one, in this process, goes on when its lease has expired; the workers have not noticed
// anything, and nothing is done twice. Whoever is healed finds its lease lost.
func strikeLeader(t *testing.T, l *lab.Lab, f lab.Fault, ttl time.Duration) {
	t.Helper()
	w := world{Ops: 60, Sleep: time.Second, Saga: true, DSN: l.Database(t)}
	short := w
	short.Lease = ttl
	p := create(t, &w)
	hosted(t, l, w, "worker", 2)
	hosts := hosted(t, l, short, "leader", 1)
	victim := only(hosts)
	eventually(t, "the middle", func() bool { return p.running(t) >= 5 && p.done(t) > 5 || hosts.Ended(t.Context(), "") })
	err := f.Strike(t.Context(), l, victim)
	switch {
	case err != nil && hosts.Ended(t.Context(), "") && ttl < healthy:
		t.Logf("the leader has lost its lease of %s on a slow machine: %s", ttl, hosts.Said(t.Context(), victim))
		strikeLeader(t, l, f, 2*ttl)
		return
	case err != nil:
		t.Fatal(err)
	}
	ended := p.lead(t, w)
	eventually(t, "another leads", func() bool { host := p.holder(t, store.RunLease); return host != "" && host != victim })
	if n := p.done(t); n >= w.Ops {
		t.Error("nothing was left to do")
	}
	if f.Heal != nil {
		if err := f.Heal(t.Context(), l, victim); err != nil {
			t.Fatal(err)
		}
	}
	run := <-ended
	if run.err != nil || run.report.State != seq.RunSucceeded {
		t.Fatalf("%s, %v", run.report.State, run.err)
	}
	if f.Heal != nil {
		eventually(t, "the first leader ends", func() bool { return hosts.Ended(t.Context(), "") })
		if said := hosts.Said(t.Context(), victim); !strings.Contains(said, seq.ErrLeaseLost.Error()) {
			t.Errorf("the first leader does not say %q: %s", seq.ErrLeaseLost, said)
		}
	}
	p.eachOnce(t, w)
}
