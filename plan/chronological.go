// Package plan has the planners: how a list of ops becomes a plan of what waits for what.
//
// All of them are deterministic, respect declared dependencies, and treat migrations as steps
// like any other. Planners compose: TimeGated and Reversible take one and return one.
package plan

import "github.com/sequencer-go/seq"

// Chronological plans migrations and operations interleaved, in the order of their timestamps,
// each in a wave of its own. An op that depends on a later one moves behind it.
func Chronological() seq.Planner { return seq.Sequential().Planner }
