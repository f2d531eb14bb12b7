package bench

import (
	"runtime"
	"testing"
)

// perStep measures what prepare returns, and reports time and allocations by the step. What
// prepare itself does is not measured.
func perStep(b *testing.B, steps int, prepare func() func() error) {
	b.Helper()
	var allocs, bytes uint64
	for b.Loop() {
		b.StopTimer()
		run := prepare()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b.StartTimer()
		err := run()
		b.StopTimer()
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
	b.ReportMetric(float64(allocs)/all, "allocs/step")
	b.ReportMetric(float64(bytes)/all, "B/step")
}

// always is a prepare that has nothing to prepare.
func always(run func() error) func() func() error {
	return func() func() error { return run }
}
