package sim

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
)

// outbox is the transport as one leader has it.
type outbox struct {
	r *replica
	m *mail
}

var _ engine.Carrier = outbox{}

// Open implements [engine.Carrier].
func (b outbox) Open(_ context.Context, o *engine.Order) error {
	f := b.r.yield(stepMail, "open", nil, nil)
	if f.dead {
		return errKilled
	}
	luck := f.luck()
	if b.m.w.befalls(luck, SendFails) {
		return errMail
	}
	if luck.IntN(2) == 0 {
		b.m.drop(func(p *parcel) bool { return p.order.Lease == o.Lease && p.order.Holder != o.Holder })
	}
	return nil
}

// Send implements [engine.Carrier].
func (b outbox) Send(_ context.Context, orders []*engine.Order) error {
	orders = slices.Clone(orders)
	slices.SortFunc(orders, func(a, b *engine.Order) int { return strings.Compare(a.ID, b.ID) })
	f := b.r.yield(stepMail, "send"+namesOf(orders), nil, nil)
	if f.dead {
		return errKilled
	}
	w, luck := b.m.w, f.luck()
	w.logf("r%d orders%s", b.r.number, namesOf(orders))
	for _, o := range orders {
		w.audit.orders(o)
	}
	if w.befalls(luck, SendFails) {
		b.r.hitAt = w.clock.Now()
		w.logf("r%d send%s: %s", b.r.number, namesOf(orders), SendFails)
		return errMail
	}
	for _, o := range orders {
		b.m.put(o, luck)
	}
	if w.befalls(luck, SendUnsure) {
		b.r.hitAt = w.clock.Now()
		w.logf("r%d send%s: %s", b.r.number, namesOf(orders), SendUnsure)
		return errMail
	}
	return nil
}

// Resend implements [engine.Carrier].
func (b outbox) Resend(_ context.Context, orders []*engine.Order, stale time.Duration) error {
	orders = slices.Clone(orders)
	slices.SortFunc(orders, func(a, b *engine.Order) int { return strings.Compare(a.ID, b.ID) })
	f := b.r.yield(stepMail, "resend"+namesOf(orders), nil, nil)
	if f.dead {
		return errKilled
	}
	now, luck := b.m.w.clock.Now(), f.luck()
	for _, o := range orders {
		there := slices.ContainsFunc(b.m.parcels, func(p *parcel) bool { return p.ref == o.Ref }) ||
			slices.ContainsFunc(b.m.taken, func(p *parcel) bool { return p.ref == o.Ref && now.Sub(p.at) < stale })
		if !there {
			b.m.w.count(resent)
			b.m.w.logf("r%d orders %s again", b.r.number, short(o.ID))
			b.m.put(o, luck)
		}
	}
	return nil
}

// End implements [engine.Carrier].
func (b outbox) End(_ context.Context, o *engine.Order) {
	if !b.r.yield(stepMail, "end", nil, nil).dead {
		b.m.drop(func(p *parcel) bool { return p.order.Lease == o.Lease && p.order.Holder == o.Holder })
	}
}

// Forget implements [engine.Carrier].
func (b outbox) Forget(_ context.Context, orders []*engine.Order) {
	f := b.r.yield(stepMail, "forget"+namesOf(orders), nil, nil)
	if f.dead || b.m.w.befalls(f.luck(), OrderTwice) {
		return
	}
	b.m.drop(func(p *parcel) bool {
		return slices.ContainsFunc(orders, func(o *engine.Order) bool { return o.Ref == p.ref })
	})
}

func namesOf(orders []*engine.Order) string {
	var b strings.Builder
	for _, o := range orders {
		b.WriteString(" " + short(o.ID))
	}
	return b.String()
}
