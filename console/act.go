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

// actor is who asks, "" if the request may not act. Nobody may if the embedder's authoriser panics;
// the page is as readable as without.
func (c *console) actor(r *http.Request) (actor string) {
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
	actor, ok := c.authorise(r)
	if !ok {
		return ""
	}
	return actor
}

// token is the secret that forms carry: that of the cookie, which is set if it is missing. It is
// the second lock; the first is [http.CrossOriginProtection]. Keeping it in a cookie, not in the
// process, lets any process behind a load balancer take the form of any other.
func token(w http.ResponseWriter, r *http.Request) string {
	if t := secret(r); t != "" {
		return t
	}
	t := rand.Text()
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: t, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	return t
}

// secret is the one of the request's cookie, "" if it has none that [token] could have made.
func secret(r *http.Request) string {
	cookie, err := r.Cookie(cookieName)
	if err != nil || len(cookie.Value) < 26 {
		return ""
	}
	return cookie.Value
}

// guard lets a POST through that comes from a page of this console and from somebody who may act.
func (c *console) guard(next func(w http.ResponseWriter, r *http.Request, actor string)) http.HandlerFunc {
	refuse := func(w http.ResponseWriter, r *http.Request, why string) {
		root := strings.Repeat("../", strings.Count(strings.Trim(r.URL.Path, "/"), "/"))
		c.fail(w, r, root, http.StatusForbidden, "Not allowed", why)
	}
	protected := http.NewCrossOriginProtection()
	protected.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, "The request came from a page of another site.")
	}))
	return protected.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor := c.actor(r)
		if actor == "" {
			refuse(w, r, "This console is read-only for you.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		want := secret(r)
		if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(r.PostFormValue("token"))) != 1 {
			refuse(w, r, "The form is not from this session. Go back, reload the page, and try again.")
			return
		}
		next(w, r, actor)
		c.forget()
	})).ServeHTTP
}

// decide records what a person decided about an op.
func (c *console) decide(w http.ResponseWriter, r *http.Request, actor string) {
	id, reason := r.PathValue("id"), strings.TrimSpace(r.PostFormValue("reason"))
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
	default:
		c.fail(w, r, "../../", http.StatusNotFound, "No such action", "An operation can be skipped, retried or resolved.")
		return
	}
	if reason == "" {
		c.showOp(w, r, http.StatusUnprocessableEntity, "Give a reason: whoever looks at the history will want to know why.", "")
		return
	}
	err := do(context.WithoutCancel(r.Context()), seq.By(actor), seq.Isolate(seq.OrFail))
	c.forget()
	if err != nil {
		c.showOp(w, r, statusOf(err), store.ErrorText(err), reason)
		return
	}
	goTo(w, "../"+escapedID(id), http.StatusSeeOther)
}

// statusOf tells a refusal from a failure.
func statusOf(err error) int {
	if errors.Is(err, seq.ErrInvalidOption) || errors.Is(err, seq.ErrLeaseHeld) || errors.Is(err, seq.ErrPlanChanged) {
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
