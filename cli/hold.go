package cli

import (
	"fmt"
	"time"

	"github.com/sequencer-go/seq/store"
)

// A hold is what somebody who looks at a lease again and again learns of its holder.
//
// A process renews its lease five times in the time that it lasts, and stops by itself when it could
// not for two thirds of that. How long it lasts, the ledger does not tell. So a lease has lost its
// holder when less than a third of the longest time is left that was ever seen to be left; or when
// it was not renewed for longer than a lease of [store.LeaseTTL] may go without, and so little is left
// that a longer lease would have been renewed twice by now.
type hold struct {
	holder  store.Owner
	since   time.Time     // when it was taken, by the ledger's clock
	longest time.Duration // that was left at any look
	ends    time.Time     // if it is not renewed
	renewed time.Time     // when that was seen to change, or was seen for the first time
}

// see takes in one look at the lease.
func (h *hold) see(l *store.LeaseError, now time.Time) {
	if h.holder != l.Holder || !h.since.Equal(l.Since) {
		*h = hold{holder: l.Holder, since: l.Since, renewed: now, ends: now.Add(l.Expires)}
	}
	ends := now.Add(l.Expires)
	if ends.Sub(h.ends) > time.Second/2 { // else it is the time that a look takes
		h.renewed = now
	}
	h.longest, h.ends = max(h.longest, l.Expires), ends
}

// dead says that the holder is, and when the lease is free; "" if that is not known.
func (h *hold) dead(now time.Time) string {
	left, silent := h.ends.Sub(now), now.Sub(h.renewed)
	if h.ends.IsZero() || left >= h.longest/3 && (silent < store.LeaseTTL/3 || left >= store.LeaseTTL*2/3) {
		return ""
	}
	return fmt.Sprintf(", which is dead: it does not renew it; free in %s", span(max(0, left).Round(time.Second)))
}
