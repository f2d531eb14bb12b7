// Package exec has the executors: how a plan is walked. All of them return only after all that
// they started has ended, and stop starting steps at the first failure that is not allowed;
// KeepGoing takes the latter away from any of them.
package exec

import "github.com/sequencer-go/seq"

// Serial does one step after another, in plan order.
func Serial() seq.Executor { return seq.Sequential().Executor }
