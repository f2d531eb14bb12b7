package middleware

import (
	"sync"
	"time"

	"github.com/sequencer-go/seq/store"
)

// ProgressPause is how often [Log] tells of the progress of an op.
const ProgressPause = 10 * time.Second

// Throttle is watch for fewer events: of the progress of each op it lets one through, and then none for the
// time of pause by the sequencer's clock; every other event passes. It is for watchers that write each
// event down. What it returns may be used in several sequencers. A pause that is not positive lets
// everything through.
func Throttle(pause time.Duration, watch func(Event)) func(Event) {
	type key struct {
		run, id   string
		direction store.Direction
	}
	var mu sync.Mutex
	told := map[key]time.Time{}
	pass := func(e *Event) bool {
		mu.Lock()
		defer mu.Unlock()
		k := key{e.Run, e.ID, e.Direction}
		switch e.Kind {
		case EventProgress:
			if last, before := told[k]; before && e.Time.Sub(last) < pause {
				return false
			}
			told[k] = e.Time
		case EventSettled:
			delete(told, k)
		}
		return true
	}
	return func(e Event) {
		if pass(&e) {
			watch(e)
		}
	}
}
