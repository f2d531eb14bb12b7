package cli

import (
	"cmp"
	"time"

	"github.com/sequencer-go/seq"
)

type (
	// backgroundView is what there is to say of an op that works in the background.
	backgroundView struct {
		Percent *float64 `json:"percent,omitempty"`
		paceView
		Moved   *time.Time   `json:"last_checkpoint,omitempty"`
		Kept    string       `json:"kept,omitempty"` // why nobody takes it up
		Note    string       `json:"note,omitempty"` // why it does not move, of who works on it
		NotedAt *time.Time   `json:"noted_at,omitempty"`
		Worker  *holderView  `json:"worker,omitempty"`
		Asked   *controlView `json:"asked,omitempty"`
	}
	// paceView is how such an op gets on, in its own words.
	paceView struct {
		Rate        float64 `json:"rate_per_second,omitempty"`
		Estimate    string  `json:"estimate"` // unknown, measuring, estimate, done
		RemainingS  float64 `json:"remaining_seconds,omitempty"`
		Size        int64   `json:"batch_size,omitempty"`
		Parts       int     `json:"parts,omitempty"`
		PartsDone   int     `json:"parts_done,omitempty"`
		DeadLetters int64   `json:"dead_letters,omitempty"`
	}
	// controlView is what somebody asked, and whether it was heard.
	controlView struct {
		Number  int64      `json:"number"`
		Wanted  string     `json:"wanted"`
		Size    int64      `json:"size,omitempty"`
		RestS   float64    `json:"rest_seconds,omitempty"`
		Until   *time.Time `json:"until,omitempty"`
		By      string     `json:"by"`
		Reason  string     `json:"reason"`
		Asked   *time.Time `json:"asked,omitempty"`
		Heard   bool       `json:"heard"`
		HeardAt *time.Time `json:"heard_at,omitempty"`
	}
)

func viewBackground(o *seq.OpStatus) *backgroundView {
	if !o.Background {
		return nil
	}
	v := &backgroundView{
		paceView: viewPace(o.Pace),
		Moved:    moment(o.Moved), Kept: o.Kept, Note: note(o), Worker: viewHolder(o.Worker), Asked: viewControl(o.Control),
	}
	if v.Note != "" {
		v.NotedAt = moment(o.Control.NotedAt)
	}
	if o.Total > 0 {
		percent := float64(o.Done) * 100 / float64(o.Total)
		v.Percent = &percent
	}
	return v
}

func viewPace(p seq.Pace) paceView {
	return paceView{
		Rate: p.Rate, Estimate: cmp.Or(string(p.Estimate), "unknown"), RemainingS: p.Remaining.Seconds(), Size: p.Size, Parts: p.Parts, PartsDone: p.PartsDone,
		DeadLetters: p.DeadLetters,
	}
}

// viewControl is nil if nothing was ever asked.
func viewControl(c *seq.Control) *controlView {
	if c == nil || c.Number == 0 {
		return nil
	}
	v := &controlView{
		Number: c.Number, Wanted: wanted(c), Size: c.Size, RestS: c.Rest.Seconds(), Until: moment(c.Until), By: c.Actor, Reason: c.Reason,
		Asked: moment(c.Asked), Heard: !unheard(c),
	}
	if v.Heard {
		v.HeardAt = moment(c.HeardAt)
	}
	return v
}
