package cli

import (
	"fmt"
	"time"

	"github.com/sequencer-go/seq/store"
)

// A hold is what somebody who looks at a lease again and again learns of its holder. A process renews its
// lease five times in the time that it lasts. How long that is the ledger does not tell, but it is no
// less than the longest time that was ever seen to be left. When less than two fifths of that are left,
// the holder has missed three renewals in a row: it is dead, or cannot reach the ledger and is about to
// stop by itself.
type hold struct {
	holder  store.Owner
	since   time.Time     // when it was taken, by the ledger's clock
	longest time.Duration // that was left at any look
	ends    time.Time     // if it is not renewed
}

// see takes in one look at the lease.
func (h *hold) see(l *store.LeaseError, now time.Time) {
	if h.holder != l.Holder || !h.since.Equal(l.Since) {
		*h = hold{holder: l.Holder, since: l.Since}
	}
	h.longest, h.ends = max(h.longest, l.Expires), now.Add(l.Expires)
}

// dead says that the holder is, and when the lease is free; "" if that is not known.
func (h *hold) dead(now time.Time) string {
	left := h.ends.Sub(now)
	if h.ends.IsZero() || left >= h.longest*2/5 {
		return ""
	}
	return fmt.Sprintf(", which is dead or cut off: it does not renew it; free in %s", span(max(0, left).Round(time.Second)))
}
