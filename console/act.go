package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

const (
	cookieName = "seq_console"
	bodyLimit  = 64 << 10
)

// may is who asks for an action, "" if the request may not do it. Nobody may if the embedder's
// authoriser panics; the page is as readable as without.
func (c *console) may(r *http.Request, action Action, id string) (actor string) {
	if c.authorise == nil {
		return ""
	}
	defer func() {
		if p := recover(); p != nil {
			c.panicked.Do(func() { // each page asks, again and again
				slog.ErrorContext(r.Context(), "seq/console: the authoriser panicked", "panic", p, "stack", string(debug.Stack()))
			})
			actor = ""
		}
	}()
	actor, ok := c.authorise(r, action, id)
	if !ok {
		return ""
	}
	return actor
}

// cookie is the name of the cookie that holds the secret of forms.
func (c *console) cookie(r *http.Request) string {
	if c.secure(r) {
		return "__Host-" + cookieName
	}
	return cookieName
}

// token is the secret that forms carry: that of the cookie, which is set if it is missing. It is
// the second lock; the first is [http.CrossOriginProtection]. Keeping it in a cookie, not in the
// process, lets any process behind a load balancer take the form of any other.
func (c *console) token(w http.ResponseWriter, r *http.Request) string {
	if t := c.secret(r); t != "" {
		return t
	}
	t := rand.Text()
	http.SetCookie(w, &http.Cookie{
		Name: c.cookie(r), Value: t, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.secure(r),
	})
	return t
}

// secret is the one of the request's cookie, "" if it has none that [console.token] could have made.
func (c *console) secret(r *http.Request) string {
	cookie, err := r.Cookie(c.cookie(r))
	if err != nil || len(cookie.Value) < 26 {
		return ""
	}
	return cookie.Value
}

// opActions are the actions about one op, by the last part of the path that asks for them.
var opActions = map[string]Action{
	"run": ActionRunOne, "skip": ActionSkip, "retry": ActionRetry, "done": ActionResolve, "not-done": ActionResolve,
	"pause": ActionPause, "resume": ActionResume, "cancel": ActionCancel, "set": ActionSet,
}

// opAction is the action that a path asks for, and the op it is about.
func opAction(r *http.Request) (Action, string) {
	return opActions[r.PathValue("act")], r.PathValue("id")
}

// always is an action about no op.
func always(a Action) func(*http.Request) (Action, string) {
	return func(*http.Request) (Action, string) { return a, "" }
}

// guard lets a POST through that comes from a page of this console and from somebody who may do that.
func (c *console) guard(what func(*http.Request) (Action, string), next func(w http.ResponseWriter, r *http.Request, actor string)) http.HandlerFunc {
	root := func(r *http.Request) string {
		return strings.Repeat("../", strings.Count(strings.Trim(r.URL.Path, "/"), "/"))
	}
	refuse := func(w http.ResponseWriter, r *http.Request, why string) {
		c.fail(w, r, root(r), http.StatusForbidden, "Not allowed", why)
	}
	protected := http.NewCrossOriginProtection()
	for host := range c.hosts {
		_ = protected.AddTrustedOrigin("https://" + host) // what is no host cannot be an origin either
	}
	protected.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, "The request came from a page of another site.")
	}))
	return protected.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action, id := what(r)
		if action == "" {
			c.fail(w, r, root(r), http.StatusNotFound, "No such action", "An operation can be run, skipped, retried or resolved; one in the background can be paused, resumed, set or cancelled.")
			return
		}
		actor := c.may(r, action, id)
		if actor == "" {
			refuse(w, r, "You may not do this here.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		want := c.secret(r)
		if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(r.PostFormValue("token"))) != 1 {
			refuse(w, r, "The form is not from this session. Go back, reload the page, and try again.")
			return
		}
		next(w, r, actor)
		c.forget()
	})).ServeHTTP
}

// reasonOf is the reason that a form gives.
func reasonOf(r *http.Request) string {
	return strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("reason"), "\r\n", "\n"))
}

const noReason = "Give a reason: whoever looks at the history will want to know why."

// decide records what a person decided about an op.
func (c *console) decide(w http.ResponseWriter, r *http.Request, actor string) {
	id, reason := r.PathValue("id"), reasonOf(r)
	var do func(ctx context.Context, opts ...seq.RunOption) error
	switch r.PathValue("act") {
	case "skip":
		do = func(ctx context.Context, opts ...seq.RunOption) error { return c.seq.Skip(ctx, id, reason, opts...) }
	case "retry":
		do = func(ctx context.Context, opts ...seq.RunOption) error { return c.seq.Retry(ctx, id, reason, opts...) }
	case "done":
		do = func(ctx context.Context, opts ...seq.RunOption) error {
			return c.seq.Resolve(ctx, id, seq.Done, reason, opts...)
		}
	case "not-done":
		do = func(ctx context.Context, opts ...seq.RunOption) error {
			return c.seq.Resolve(ctx, id, seq.NotDone, reason, opts...)
		}
	}
	if reason == "" {
		c.showOp(w, r, http.StatusUnprocessableEntity, noReason, "")
		return
	}
	ask, problem := c.asks(r)
	switch {
	case problem != "":
		c.showOp(w, r, http.StatusUnprocessableEntity, problem, reason)
		return
	case ask != nil:
		_, err := ask(context.WithoutCancel(r.Context()), id, seq.By(actor), seq.Because(reason))
		c.decided(w, r, err, reason)
		return
	case do == nil:
		c.runOne(w, r, actor, reason)
		return
	}
	c.decided(w, r, do(context.WithoutCancel(r.Context()), seq.By(actor), seq.Isolate(seq.OrFail)), reason)
}

// decided answers with the page of the op, or says why what was asked for did not happen.
func (c *console) decided(w http.ResponseWriter, r *http.Request, err error, reason string) {
	c.forget()
	if err != nil {
		c.showOp(w, r, statusOf(err), store.ErrorText(err), reason)
		return
	}
	goTo(w, "../"+escapedID(r.PathValue("id")), http.StatusSeeOther)
}

// statusOf tells a refusal from a failure.
func statusOf(err error) int {
	if errors.Is(err, seq.ErrInvalidOption) || errors.Is(err, seq.ErrLeaseHeld) || errors.Is(err, seq.ErrPlanChanged) || errors.Is(err, store.ErrAsked) {
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
