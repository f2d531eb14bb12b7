package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// asking writes a request to an op in the background.
type asking func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error)

// asks is what a form asks of an op in the background; nil if it asks nothing, or there is a problem with it.
func (c *console) asks(r *http.Request) (ask asking, problem string) {
	switch r.PathValue("act") {
	case "pause":
		return c.seq.Pause, ""
	case "resume":
		return c.seq.Resume, ""
	case "cancel":
		if r.PostFormValue("final") != r.PathValue("id") {
			return nil, "Confirm that nothing takes a cancellation back."
		}
		return c.seq.Cancel, ""
	case "set":
		size, rest, problem := settings(r)
		if problem != "" {
			return nil, problem
		}
		return func(ctx context.Context, id string, opts ...seq.RunOption) (seq.Control, error) {
			return c.seq.Set(ctx, id, size, rest, opts...)
		}, ""
	default:
		return nil, ""
	}
}

// settings are the size and the rest that a form gives; -1 for one that is left empty.
func settings(r *http.Request) (size int64, rest time.Duration, problem string) {
	size, rest = -1, -1
	sized, rested := strings.TrimSpace(r.PostFormValue("size")), strings.TrimSpace(r.PostFormValue("rest"))
	var err error
	if sized != "" {
		if size, err = strconv.ParseInt(sized, 10, 64); err != nil || size < 0 {
			return 0, 0, "The size of a batch is a whole number; 0 leaves it to the operation."
		}
	}
	if rested != "" {
		if rest, err = time.ParseDuration(rested); err != nil || rest < 0 {
			return 0, 0, "A rest is a time, as 200ms or 2s; 0s leaves it to the operation."
		}
	}
	if size < 0 && rest < 0 {
		return 0, 0, "Say what to set: the size of a batch, the rest between two, or both."
	}
	return size, rest, ""
}

// stopPage has the forms that keep runs from going on.
type stopPage struct {
	page

	Holder  *store.LeaseError
	Control *heldView
	Reason  string // as typed, when it was refused

	MayStop, MayHold, MayRelease bool
}

// untils are the times that a stop or a hold may last.
var untils = []struct{ Value, Label string }{
	{"", "until it is released"}, {"15m", "for 15 minutes"}, {"1h", "for 1 hour"}, {"4h", "for 4 hours"}, {"24h", "for a day"},
}

// Untils are the choices of the page's forms.
func (*stopPage) Untils() []struct{ Value, Label string } { return untils }

func (c *console) stopping(w http.ResponseWriter, r *http.Request) {
	c.showStop(w, r, http.StatusOK, "")
}

func (c *console) showStop(w http.ResponseWriter, r *http.Request, status int, problem string) {
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "", err)
		return
	}
	p := stopPage{page: c.page(w, r, "", "Stop"), Holder: s.Holder, Control: s.held(), Reason: reasonOf(r)}
	p.Problem, p.Held = problem, s.held()
	may := func(a Action, when bool) bool {
		actor := ""
		if when {
			actor = c.may(r, a, "")
		}
		if actor != "" {
			p.Actor = actor
		}
		return actor != ""
	}
	p.MayStop, p.MayHold, p.MayRelease = may(ActionStop, true), may(ActionHold, true), may(ActionRelease, p.Control != nil)
	if p.NoReload = p.MayStop || p.MayHold || p.MayRelease; p.NoReload && p.Token == "" {
		p.Token = c.token(w, r)
	}
	c.show(w, r, status, "stop", &p)
}

// hold writes a request to runs.
func (c *console) hold(ask func(ctx context.Context, opts ...seq.RunOption) (seq.Control, error)) func(w http.ResponseWriter, r *http.Request, actor string) {
	return func(w http.ResponseWriter, r *http.Request, actor string) {
		reason := reasonOf(r)
		opts := []seq.RunOption{seq.By(actor), seq.Because(reason)}
		problem := ""
		switch until := r.PostFormValue("until"); {
		case reason == "":
			problem = noReason
		case r.PostFormValue("confirm") == "" && r.URL.Path == "/stop":
			problem = "Confirm that the run is to stop."
		case until != "":
			d, err := time.ParseDuration(until)
			if err != nil || d <= 0 {
				problem = "Until when is a time, as 1h."
			}
			opts = append(opts, seq.Until(d))
		}
		if problem != "" {
			c.showStop(w, r, http.StatusUnprocessableEntity, problem)
			return
		}
		_, err := ask(context.WithoutCancel(r.Context()), opts...)
		c.forget()
		if err != nil {
			c.showStop(w, r, statusOf(err), store.ErrorText(err))
			return
		}
		goTo(w, "stop", http.StatusSeeOther)
	}
}
