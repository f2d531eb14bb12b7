package plan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// What a zero field of a [Retry] means.
const (
	DefaultRetryBase = time.Second // of Base
	DefaultRetryMax  = time.Minute // of Max
)

// A Retry says how often an op is called within one attempt until it succeeds, and how long it rests in
// between. The zero Retry says nothing: the op goes by the strategy, which calls it once unless it has
// middleware.Retry.
type Retry struct {
	// Attempts is how many calls there are at most, the first included. 1 means never again, also where
	// the strategy would; 0 is allowed in the zero Retry only.
	Attempts int
	// Base is the longest pause before the second call. The bound doubles from call to call, and each
	// pause is a random part of it: see middleware.Backoff. 0 means [DefaultRetryBase].
	Base time.Duration `json:",omitempty"`
	// Max is the longest pause of all. 0 means [DefaultRetryMax], or Base if that is longer.
	Max time.Duration `json:",omitempty"`
	// Delays are exact pauses in place of random ones: before the second call, the third, and so on; the
	// last counts for all that follow. With them Base and Max must be 0.
	Delays []time.Duration `json:",omitempty"`
}

// IsZero reports whether the policy says nothing.
func (r Retry) IsZero() bool {
	return r.Attempts == 0 && r.Base == 0 && r.Max == 0 && len(r.Delays) == 0
}

// Err is what is wrong with the policy; nil if nothing is.
func (r Retry) Err() error {
	switch {
	case r.IsZero():
		return nil
	case r.Attempts < 1:
		return fmt.Errorf("retry: %d attempts, want at least 1", r.Attempts)
	case r.Base < 0 || r.Max < 0:
		return fmt.Errorf("retry: base %s, max %s: they must not be negative", r.Base, r.Max)
	case r.Max > 0 && r.Base > r.Max:
		return fmt.Errorf("retry: the base %s is longer than the max %s", r.Base, r.Max)
	case len(r.Delays) > 0 && (r.Base > 0 || r.Max > 0):
		return errors.New("retry: it has delays and a base or max; want one of them")
	}
	for _, d := range r.Delays {
		if d < 0 {
			return fmt.Errorf("retry: a delay of %s", d)
		}
	}
	return nil
}

// Pause is how long to wait before call n, counting from 2. Without Delays it is a random time below
// Base·2ⁿ⁻², at most Max ("full jitter", Brooker, Exponential Backoff and Jitter, 2015). It is 0 for an n
// below 2, and for a policy whose Err is not nil.
func (r Retry) Pause(n int) time.Duration {
	if n < 2 || r.Err() != nil {
		return 0
	}
	if len(r.Delays) > 0 {
		return r.Delays[min(n-2, len(r.Delays)-1)]
	}
	base := r.Base
	if base == 0 {
		base = DefaultRetryBase
	}
	limit := r.Max
	if limit == 0 {
		limit = max(DefaultRetryMax, base)
	}
	for ceiling := min(base, limit); ; ceiling *= 2 {
		if n--; n < 2 || ceiling >= limit/2 {
			if n >= 2 {
				ceiling = limit
			}
			return rand.N(max(ceiling, 1))
		}
	}
}
