// Package middleware has what surrounds a run or its steps. The order in which they stand is a
// law, see [seq.Layer]: Saga, then Defer or Await, then Record and Tolerate, then Retry and
// Timeout; Log stands anywhere.
package middleware

import "github.com/sequencer-go/seq"

// Record writes to the store that an attempt begins, before the op is called, and what came of
// it. A strategy without it keeps no record: each run does everything that is not recorded as
// done, and ops that are not Repeatable are refused.
func Record() seq.Middleware { return seq.Sequential().Middleware[0] }
