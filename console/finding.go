package console

import (
	"net/url"

	"github.com/sequencer-go/seq/plan"
)

// findingView is where code and ledger differ, or a run that has no end, as pages show it.
type findingView struct {
	plan.Finding

	Link string // to what it is about
	Name string
}

// viewFindings are findings with links from a page whose root is root.
func viewFindings(found []plan.Finding, root string) []findingView {
	views := make([]findingView, len(found))
	for i, f := range found {
		v := findingView{Finding: f, Link: root + "ops/" + escapedID(f.ID), Name: f.ID}
		switch f.Kind {
		case "unfinished":
			v.Link, v.Name = root+"runs/"+escapedID(f.ID), "Run "+shortRun(f.ID)
		case "unused":
			v.Link, v.Name = root+"?tag="+url.QueryEscape(f.ID)+"#h-ops", "Tag "+f.ID
		}
		views[i] = v
	}
	return views
}

// unfinished are the runs that have to be ended yet, without the one that is under way.
func (s *snapshot) unfinished() []plan.Finding {
	var found []plan.Finding
	for _, f := range s.Findings {
		if r := s.current(); s.Holder == nil || r == nil || r.ID != f.ID {
			found = append(found, f)
		}
	}
	return found
}
