package main

import (
	"io"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// samples are what was measured, by benchmark and unit.
type samples map[key][]float64

// A key is a benchmark, without its first word and the number of processors, and a unit.
type key struct{ name, unit string }

// read collects the lines that benchmarks print. What is no such line is left out.
func read(r io.Reader, name string) (samples, error) {
	s := samples{}
	lines := benchfmt.NewReader(r, name)
	for lines.Scan() {
		result, ok := lines.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		full := result.Name.String()
		if i := strings.LastIndexByte(full, '-'); i > strings.LastIndexByte(full, '=') {
			full = full[:i]
		}
		for _, v := range result.Values {
			value, unit := v.Value, v.Unit
			if v.OrigUnit != "" {
				value, unit = v.OrigValue, v.OrigUnit
			}
			k := key{full, unit}
			s[k] = append(s[k], value)
		}
	}
	return s, lines.Err()
}

// median is the middle of what was measured; false if nothing was.
func (s samples) median(name, unit string) (float64, bool) {
	list := slices.Sorted(slices.Values(s[key{name, unit}]))
	if len(list) == 0 {
		return 0, false
	}
	middle := len(list) / 2
	if len(list)%2 == 0 {
		return (list[middle-1] + list[middle]) / 2, true
	}
	return list[middle], true
}

// spread is the distance from the smallest to the largest, as a part of the median: the noise.
func (s samples) spread(name, unit string) float64 {
	list := s[key{name, unit}]
	middle, ok := s.median(name, unit)
	if !ok || middle == 0 {
		return 0
	}
	return (slices.Max(list) - slices.Min(list)) / middle
}
