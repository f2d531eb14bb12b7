package kill_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store/bunstore"
)

var errBoom = errors.New("boom")

// A site is where the ops of one process leave their traces.
type site struct {
	log   *bun.DB // for what is not Transactional: another database
	trap  *trap
	pace  time.Duration // before and after each effect
	cut   time.Duration // after which the server ends a transaction that idles
	fails bool          // the last op does
}

const effectsTable = `CREATE TABLE effects (op varchar(100) NOT NULL, what varchar(10) NOT NULL,
	key varchar(200) NOT NULL, host varchar(200) NOT NULL, pid bigint NOT NULL)`

// leave writes one trace.
func leave(ctx context.Context, db bun.IDB, op, what string) error {
	host, _ := os.Hostname()
	_, err := db.ExecContext(ctx, `INSERT INTO effects (op, what, key, host, pid) VALUES (?, ?, ?, ?, ?)`,
		op, what, seq.IdempotencyKey(ctx), host, os.Getpid())
	return err
}

const done, undone = "done", "undone"

// ops are of every delivery, depend on each other, and can all be undone.
func (s *site) ops() []seq.Op {
	const schema, txA, repeatA, once, verified, txB, repeatB, last = "2024_01_15_120000_schema",
		"2024_01_15_120001_tx_a", "2024_01_15_120002_repeat_a", "2024_01_15_120003_once", "2024_01_15_120004_verified",
		"2024_01_15_120005_tx_b", "2024_01_15_120006_repeat_b", "2024_01_15_120007_last"
	ops := []seq.Op{
		s.transactional(schema),
		s.transactional(txA, schema),
		s.saving(s.outside("repeatable", repeatA, seq.Repeatable, txA)),
		s.outside("once", once, seq.Once, txA),
		s.outside("verified", verified, seq.Once),
		s.transactional(txB, repeatA),
		s.outside("repeatable", repeatB, seq.Repeatable, once),
		s.outside("repeatable", last, seq.Repeatable, verified, txB, repeatB),
	}
	ops[0].Kind = seq.Migration
	ops[4].Verify = func(ctx context.Context) (applied bool, err error) {
		err = s.trap.around("verify", func() (err error) {
			n, err := s.log.NewSelect().Table("effects").Where("key = ?", seq.IdempotencyKey(ctx)).Count(ctx)
			applied = n > 0
			return err
		})
		return applied, err
	}
	if s.fails {
		ops[7].Run = func(context.Context) error { return errBoom }
	}
	return ops
}

// transactional is an op whose effect and record are one.
func (s *site) transactional(id string, deps ...string) seq.Op {
	in := func(what string) func(context.Context) error {
		return func(ctx context.Context) error {
			if s.cut > 0 {
				limit := fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", s.cut.Milliseconds())
				if _, err := bunstore.Tx(ctx).ExecContext(ctx, limit); err != nil {
					return err
				}
			}
			if err := clock.Sleep(ctx, clock.Wall(), s.pace); err != nil {
				return err
			}
			return errors.Join(leave(ctx, bunstore.Tx(ctx), id, what), clock.Sleep(ctx, clock.Wall(), s.pace))
		}
	}
	return seq.Op{ID: id, Delivery: seq.Transactional, Run: in(done), Rollback: in(undone), DependsOn: deps}
}

// outside is an op whose effect is somewhere else. It heeds its context until it has one.
func (s *site) outside(kind, id string, delivery seq.Delivery, deps ...string) seq.Op {
	to := func(point, what string) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := clock.Sleep(ctx, clock.Wall(), s.pace); err != nil {
				return err
			}
			ctx = context.WithoutCancel(ctx)
			err := s.trap.around(point, func() error { return leave(ctx, s.log, id, what) })
			return errors.Join(err, clock.Sleep(ctx, clock.Wall(), s.pace))
		}
	}
	return seq.Op{
		ID: id, Delivery: delivery, DependsOn: deps,
		Run: to("op."+kind, done), Rollback: to("rollback."+kind, undone),
	}
}

// saving makes an op keep something for its Rollback.
func (s *site) saving(op seq.Op) seq.Op {
	run, rollback := op.Run, op.Rollback
	op.Run = func(ctx context.Context) error { return errors.Join(seq.Save(ctx, op.ID), run(ctx)) }
	op.Rollback = func(ctx context.Context) error {
		var saved string
		if _, err := seq.Saved(ctx, &saved); err != nil || saved != "" && saved != op.ID {
			return errors.Join(errors.New("it was not "+saved+" that was saved"), err)
		}
		return rollback(ctx)
	}
	return op
}
