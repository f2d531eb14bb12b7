package sim

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
)

// listener is a leader that hears news of its orders.
type listener struct {
	holder  string
	news    []letter
	stopped bool
}

// letter is a piece of news on its way.
type letter struct {
	engine.News
	due time.Time
}

// Listen implements [engine.Carrier]. What it hears it hears in a step of its own.
func (b outbox) Listen(_ context.Context, holder string, hear func(engine.News)) (stop func()) {
	m, w := b.m, b.m.w
	l, name := &listener{holder: holder}, "news of "+w.alias("holder", holder)
	m.mu.Lock()
	m.listeners = append(m.listeners, l)
	m.mu.Unlock()
	go func() {
		for {
			f := b.r.awaits(stepMail, name, func() bool { return l.stopped || l.due(w.clock.Now()) >= 0 })
			if f.dead || l.stopped {
				return
			}
			if n := m.pick(l, f.luck()); n != nil {
				hear(*n)
			}
		}
	}()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		l.stopped = true
		m.listeners = slices.DeleteFunc(m.listeners, func(o *listener) bool { return o == l })
	}
}

// due is the first letter that has arrived, -1 if none has.
func (l *listener) due(now time.Time) int {
	return slices.IndexFunc(l.news, func(n letter) bool { return !n.due.After(now) })
}

// pick delivers one of the letters that have arrived; nil if it got lost, or comes later.
func (m *mail) pick(l *listener, luck *rand.Rand) *engine.News {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.w
	slices.SortFunc(l.news, func(a, b letter) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Worker, b.Worker), a.due.Compare(b.due))
	})
	var arrived []int
	for i := range l.news {
		if !l.news[i].due.After(w.clock.Now()) {
			arrived = append(arrived, i)
		}
	}
	i := arrived[luck.IntN(len(arrived))]
	switch n := l.news[i].News; {
	case w.befalls(luck, NewsLost):
		l.news = slices.Delete(l.news, i, i+1)
		return nil
	case w.befalls(luck, NewsLate):
		l.news[i].due = w.clock.Now().Add(between(luck, time.Millisecond, 4*time.Second))
		return nil
	default:
		l.news = slices.Delete(l.news, i, i+1)
		return &n
	}
}

// tell takes news to who listens.
func (m *mail) tell(n engine.News) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.listeners {
		if l.holder == n.Holder {
			l.news = append(l.news, letter{News: n})
		}
	}
}
