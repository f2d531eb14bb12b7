package fleet

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/engine"
)

const (
	refusedKey    = "seq_refused" // of a job's metadata
	refusalsEvery = time.Second
)

// A refusal is what River keeps of the last worker that refused an order, for leaders that hear nothing, and for
// people who look at the job.
type refusal struct {
	Worker string `json:"worker"`
	Why    string `json:"why"`
}

// ask looks for refusals instead of listening. Else a step that no worker can do would be waited for in silence,
// and for ever.
func (t *riverTransport) ask(ctx context.Context, holder string, hear func(News)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for clock.Sleep(ctx, clock.Wall(), refusalsEvery) == nil {
			for _, n := range t.refusals(ctx, holder) {
				hear(n)
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// refusals are those of the orders of a holder that wait for a worker. If River cannot be asked there are none: the
// next time is not far.
func (t *riverTransport) refusals(ctx context.Context, holder string) (news []News) {
	rows, err := t.pool.Query(ctx, `SELECT args->>'o', metadata->>'`+refusedKey+`' FROM `+t.opts.table()+`
		WHERE state IN ('available', 'scheduled') AND queue = $1 AND kind = $2 AND tags[2] = $3 AND metadata ? '`+refusedKey+`'`,
		t.opts.queue, Job{}.Kind(), holder)
	if err != nil {
		return nil
	}
	var order, text string
	_, _ = pgx.ForEachRow(rows, []any{&order, &text}, func() error {
		var o Order
		var r refusal
		if json.Unmarshal([]byte(order), &o) == nil && json.Unmarshal([]byte(text), &r) == nil {
			news = append(news, News{Holder: holder, ID: o.ID, Kind: engine.NewsRefused, Worker: r.Worker, Why: r.Why})
		}
		return nil
	})
	return news
}
