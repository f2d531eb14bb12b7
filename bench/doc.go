// Package bench measures the library beside what a user would pick instead, and beside the floor
// that physics sets. It has tests and benchmarks only; see docs/performance.md for the command
// that runs them in rounds and holds the medians to their marks.
//
// It is a module of its own, so that no peer reaches a user of the library.
package bench
