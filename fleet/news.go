package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/middleware"
)

const (
	channel     = "seq_fleet"
	maxPayload  = 7800 // Postgres takes less than 8,000 bytes
	newsPause   = 2 * time.Millisecond
	newsTimeout = 5 * time.Second
	maxNews     = 10_000 // that wait; more are dropped

	settledAtOnce = 30 // ops that one of the news names, so that it fits into a notification
)

// A Teller sends news to leaders, by NOTIFY in the database of a pool. Many news are one notification.
type Teller struct {
	pool *pgxpool.Pool
	more chan struct{}
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	waiting []News
	settled map[string][]string // the ops of orders, by holder
}

// Tell returns a teller, whose method Tell [NewWorker] takes. Close it after the worker.
func Tell(pool *pgxpool.Pool) *Teller {
	ctx, stop := context.WithCancel(context.Background())
	t := &Teller{pool: pool, more: make(chan struct{}, 1), stop: stop, settled: map[string][]string{}}
	t.done.Go(func() { t.send(ctx) })
	return t
}

// Close ends the teller. News that were not sent are lost.
func (t *Teller) Close() {
	t.stop()
	t.done.Wait()
}

// Tell sends news soon.
func (t *Teller) Tell(n News) {
	t.mu.Lock()
	switch {
	case n.Kind == engine.NewsSettled:
		t.settled[n.Holder] = append(t.settled[n.Holder], n.ID)
	case n.Kind == engine.NewsEvent && n.Event == middleware.EventStarted: // leaders see it in the ledger
		t.mu.Unlock()
		return
	case len(t.waiting) < maxNews:
		t.waiting = append(t.waiting, n)
	}
	t.mu.Unlock()
	select {
	case t.more <- struct{}{}:
	default:
	}
}

func (t *Teller) send(ctx context.Context) {
	for {
		select {
		case <-t.more:
		case <-ctx.Done():
			return
		}
		for _, payload := range t.payloads() {
			t.notify(ctx, payload)
		}
		_ = clock.Sleep(ctx, clock.Wall(), newsPause)
	}
}

func (t *Teller) notify(ctx context.Context, payload string) {
	ctx, cancel := context.WithTimeout(ctx, newsTimeout)
	defer cancel()
	_, _ = t.pool.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, payload)
}

// payloads are the news that wait, as lists that are short enough.
func (t *Teller) payloads() []string {
	t.mu.Lock()
	news := t.waiting
	t.waiting = nil
	for holder, ids := range t.settled {
		for some := range slices.Chunk(ids, settledAtOnce) {
			news = append(news, News{Holder: holder, Kind: engine.NewsSettled, Settled: some})
		}
	}
	clear(t.settled)
	t.mu.Unlock()
	var payloads []string
	list := "["
	for _, n := range news {
		if len(n.Why) > 1000 {
			n.Why = n.Why[:1000]
		}
		text, err := json.Marshal(n)
		if err != nil || len(text) > maxPayload-2 {
			continue
		}
		if len(list)+len(text)+2 > maxPayload {
			payloads = append(payloads, list+"]")
			list = "["
		}
		if len(list) > 1 {
			list += ","
		}
		list += string(text)
	}
	if len(list) > 1 {
		payloads = append(payloads, list+"]")
	}
	return payloads
}

// Listen implements [Transport].
func (t *riverTransport) Listen(ctx context.Context, holder string, hear func(News)) (stop func()) {
	if t.opts.poll > 0 {
		return t.ask(ctx, holder, hear)
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			t.listen(ctx, holder, hear)
			_ = clock.Sleep(ctx, clock.Wall(), time.Second)
		}
	})
	return func() { cancel(); done.Wait() }
}

// listen hears news until its connection breaks or ctx ends.
func (t *riverTransport) listen(ctx context.Context, holder string, hear func(News)) {
	pooled, err := t.pool.Acquire(ctx)
	if err != nil {
		return
	}
	conn := pooled.Hijack() // it listens, and so must not be lent to anybody else
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), newsTimeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return
		}
		var list []News
		if json.Unmarshal([]byte(n.Payload), &list) != nil {
			continue
		}
		for _, one := range list {
			if one.Holder == holder {
				hear(one)
			}
		}
	}
}
