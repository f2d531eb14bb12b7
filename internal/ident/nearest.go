package ident

import "strings"

// Nearest returns the candidate that is most like s, for a "did you mean": the one with the
// smallest Levenshtein distance, comparing names without their timestamp as well. It is "" if
// nothing is closer than half of what was written.
func Nearest(s string, candidates []string) string {
	best, least := "", len(s)/2+1
	for _, c := range candidates {
		d := distance(s, c, least)
		if _, name, err := Parse(c); err == nil && name != "" {
			bare := s
			if _, n, err := Parse(s); err == nil && n != "" {
				bare = n
			}
			switch bare {
			case name:
				d = min(d, 1)
			case s:
				d = min(d, distance(s, name, least))
			}
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance (Binary codes capable of correcting deletions, insertions
// and reversals, 1966), or some number ≥ limit if it is at least that.
func distance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit {
		return limit
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
