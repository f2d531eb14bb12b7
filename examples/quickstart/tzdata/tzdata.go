// Package tzdata has the countries and zones of the IANA Time Zone Database, version 2025b.
package tzdata

import (
	_ "embed" // the two tables
	"iter"
	"strings"
)

//go:embed iso3166.tab
var iso3166 string

//go:embed zone1970.tab
var zone1970 string

// A Country is a line of iso3166.tab.
type Country struct {
	Code string // ISO 3166-1 alpha-2
	Name string
}

// A Zone is a line of zone1970.tab: where clocks have agreed since 1970.
type Zone struct {
	Name      string   // as in Europe/Berlin
	Countries []string // codes of those that overlap it, the most populous place first
	Comment   string   // where in a country; may be empty
}

// Countries are all countries, ordered by code.
func Countries() []Country {
	var all []Country
	for col := range lines(iso3166) {
		all = append(all, Country{Code: col[0], Name: col[1]})
	}
	return all
}

// Zones are all zones, in the order of the file.
func Zones() []Zone {
	var all []Zone
	for col := range lines(zone1970) {
		z := Zone{Name: col[2], Countries: strings.Split(col[0], ",")}
		if len(col) > 3 {
			z.Comment = col[3]
		}
		all = append(all, z)
	}
	return all
}

// lines yields the columns of each line that is not a comment.
func lines(file string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(file) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(strings.Split(line, "\t")) {
				return
			}
		}
	}
}
