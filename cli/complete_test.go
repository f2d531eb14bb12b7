package cli_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sequencer-go/seq/cli"
)

// completions are the words that a shell is offered.
func (d *desk) completions(args ...string) string {
	d.t.Helper()
	var words []string
	for line := range strings.Lines(d.want(cli.OK, nil, append([]string{"__complete"}, args...)...)) {
		if word, _, is := strings.Cut(line, "\t"); is {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func TestCompletionOffersWhatIsLegal(t *testing.T) {
	d := newDesk(t, backfill(nil))
	d.fails = errors.New("no")
	d.want(cli.Failed, nil, "run")
	for _, test := range []struct{ line, want string }{
		{"retry |", fill},
		{"resolve |", ""},
		{"skip |", plans + " " + fill + " " + warm + " " + later},
		{"rollback --only |", create},
		{"run |", fill + " " + warm + " " + later},
		{"run |fi", "fill_names"},
		{"run fill_names |", warm + " " + later},
		{"run --only |warm_cache,fi", "warm_cache,fill_names"},
		{"show |cre", "create_tables"},
		{"show |2024_01_15_1200", create},
		{"show fill_names |", ""},
		{"pause |", plans},
		{"set |fi", "fill_plans"},
		{"resume |", ""},
		{"pause fill_plans |", ""},
	} {
		if got := d.completions(strings.Split(strings.Replace(test.line, "|", "", 1), " ")...); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.line, got, test.want)
		}
	}
}
