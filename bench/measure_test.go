package bench

import (
	"runtime"
	"testing"
	"time"
)

// perStep measures what prepare returns, and reports time and allocations by the step. What
// prepare itself does is not measured.
func perStep(b *testing.B, steps int, prepare func() func() error) {
	b.Helper()
	var allocs, bytes uint64
	var cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		run := prepare()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := cpuTime()
		b.StartTimer()
		err := run()
		b.StopTimer()
		cpu += cpuTime() - began
		runtime.ReadMemStats(&after)
		if err != nil {
			b.Fatal(err)
		}
		allocs += after.Mallocs - before.Mallocs
		bytes += after.TotalAlloc - before.TotalAlloc
		b.StartTimer()
	}
	all := float64(b.N) * float64(steps)
	b.ReportMetric(float64(b.Elapsed())/all, "ns/step")
	b.ReportMetric(float64(cpu)/all, "cpu-ns/step") // also of workers that spin, and of the collector
	b.ReportMetric(float64(allocs)/all, "allocs/step")
	b.ReportMetric(float64(bytes)/all, "B/step")
}

// always is a prepare that has nothing to prepare.
func always(run func() error) func() func() error {
	return func() func() error { return run }
}

// collected is a prepare for what allocates much. It runs once before it is measured, so that the
// memory is there: on a virtual machine the first touch of a page can cost more than all that is
// done with it. And it clears away the garbage each time.
func collected(run func() error) func() func() error {
	_ = run() // an error comes again
	return func() func() error {
		runtime.GC()
		return run
	}
}
