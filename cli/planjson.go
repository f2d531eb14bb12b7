package cli

import (
	"time"

	"github.com/sequencer-go/seq/plan"
)

type (
	planView struct {
		Hash      string        `json:"hash"`
		Strategy  string        `json:"strategy"`
		Direction string        `json:"direction"`
		Undo      []string      `json:"undo_first,omitempty"`
		Findings  []findingView `json:"findings,omitempty"`
		Steps     []stepView    `json:"steps"`

		Excluded   []exclusionView `json:"excluded,omitempty"`
		Background []exclusionView `json:"background,omitempty"`
	}
	exclusionView struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	findingView struct {
		ID     string `json:"id"`
		Kind   string `json:"kind"`
		Detail string `json:"detail"`
		Policy string `json:"policy"`
	}
	stepView struct {
		ID           string     `json:"id"`
		Kind         string     `json:"kind"`
		Wave         int        `json:"wave"` // counted from 1, as people do
		After        []string   `json:"after,omitempty"`
		DependsOn    []string   `json:"depends_on,omitempty"`
		NotBefore    *time.Time `json:"not_before,omitempty"`
		Skip         string     `json:"skip,omitempty"`
		Refused      string     `json:"refused,omitempty"`
		Delivery     string     `json:"delivery"`
		MayFail      bool       `json:"allowed_to_fail,omitempty"`
		Conditional  bool       `json:"conditional,omitempty"`
		Reversible   bool       `json:"reversible"`
		Irreversible bool       `json:"stays_when_undone,omitempty"`
		Tags         []string   `json:"tags,omitempty"`
		Alias        string     `json:"alias,omitempty"`
		Notes        []string   `json:"notes,omitempty"`
		Calls        int        `json:"calls,omitempty"` // at most, of its own
		Timeout      float64    `json:"timeout_seconds,omitempty"`
	}
)

func viewPlan(p *plan.Plan) planView {
	v := planView{Hash: p.Hash(), Strategy: p.Strategy, Direction: p.Direction.String(), Undo: p.Undo, Steps: []stepView{}}
	for _, f := range p.Findings {
		v.Findings = append(v.Findings, findingView{f.ID, f.Kind, f.Detail, f.Policy.String()})
	}
	for _, x := range p.Excluded {
		v.Excluded = append(v.Excluded, exclusionView{x.ID, x.Reason})
	}
	for _, x := range p.Background {
		v.Background = append(v.Background, exclusionView{x.ID, x.Reason})
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		var after []string
		for _, j := range s.After {
			after = append(after, p.Steps[j].ID)
		}
		v.Steps = append(v.Steps, stepView{
			s.ID, s.Kind.String(), s.Wave + 1, after, s.DependsOn, moment(s.NotBefore), s.Skip, s.Refused,
			s.Delivery.String(), s.AllowedToFail, s.Conditional, s.Reversible, s.Irreversible, s.Tags, s.Alias, s.Notes, s.Retry.Attempts, s.Timeout.Seconds(),
		})
	}
	return v
}
