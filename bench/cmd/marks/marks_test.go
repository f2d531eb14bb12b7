package main

import (
	"strings"
	"testing"
)

const lines = `goos: linux
BenchmarkWalk/load=a/by=floor-2 	 100	 9 ns/op	 20.0 ns/step
BenchmarkWalk/load=a/by=dataflow-2 	 100	 9 ns/op	 90.0 ns/step	 0.5 allocs/step
BenchmarkWalk/load=a/by=dataflow-2 	 100	 9 ns/op	 50.0 ns/step	 0.0 allocs/step
BenchmarkWalk/load=a/by=dataflow-2 	 100	 9 ns/op	 40.0 ns/step	 0.0 allocs/step
BenchmarkMemory 	 1	 9 ns/op	 2000 peak-B/step
BenchmarkTakeover/db=postgres-2 	 1	 9 ns/op	 1.2 takeover/TTL
BenchmarkTakeover/db=postgres-2 	 1	 9 ns/op	 0.9 takeover/TTL
BenchmarkHandover/db=sqlite-2 	 1	 9 ns/op	 1234 slowest-ms	 300 median-ms
PASS
`

func TestTheTableHoldsMediansToMarks(t *testing.T) {
	s, err := read(strings.NewReader(lines), "test")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := s.table(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 50 ns/step | ±50 % | floor | 20 ns/step | 2.50 | ≤ 3× | met |",
		"| 0 allocs/step | ±0 % | | | | ≤ 0.1 allocs/step | met |",
		"| 2000 peak-B/step | one round | | | | ≤ 1024 peak-B/step | missed |",
		"| 1.050 × TTL | ±14 % | | | | ≤ 1.100 × TTL | met |",
		"| 300 median-ms | one round | | | | ≤ 1000 median-ms | met |",
	} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("the table lacks %q:\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "Transactional") {
		t.Errorf("the table shows what was not run:\n%s", &b)
	}
	b.Reset()
	if err := s.table(&b, true); err != nil || !strings.Contains(b.String(), "not run: Up/db=postgres") {
		t.Errorf("%v; the table hides what should have run:\n%s", err, &b)
	}
}
