// Package console is a live page on a sequencer: who holds the ledger, what runs, what waits and
// why, what failed. It is an [http.Handler] to mount in the service's own server, below any prefix:
//
//	mux.Handle("/deploy/", http.StripPrefix("/deploy", console.Handler(sequencer)))
//
// Behind a proxy that takes a prefix away, or that ends TLS, say so with [Prefix] and [SecureCookie].
//
// It only reads, unless [Allow] or [AllowFunc] says who may act. Whoever reaches the handler may look:
// mount it behind the service's own login, and name its [Hosts]. Pages are rendered by the server from the ledger, so that each
// shows what every host did; a small script keeps them current, and without it they reload.
package console

import (
	"context"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
)

// Handler returns the console of s. It is safe for concurrent use. However many people look, how all
// ops stand is read at most about twice a second, less often where that takes long, and not at all
// when nobody does. The history of an op is read when a page first shows it and when the op has
// moved, at most 120 of them for one page, and that of a run by the ledger's index.
func Handler(s *seq.Sequencer, opts ...Option) http.Handler {
	c := &console{
		seq: s, title: "Sequencer", ctx: context.Background(), clock: clock.Wall(), news: new(News),
		tookTurn: make(chan struct{}, tookTurns),
		secure:   func(r *http.Request) bool { return r.TLS != nil },
	}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.overview)
	mux.HandleFunc("GET /ops/{id}", c.op)
	mux.HandleFunc("GET /runs/{$}", c.listRuns)
	mux.HandleFunc("GET /runs/{id}", c.run)
	mux.HandleFunc("GET /plan", c.plan)
	mux.HandleFunc("GET /rollback", c.rollback)
	mux.HandleFunc("GET /stop", c.stopping)
	mux.HandleFunc("POST /stop", c.guard(always(ActionStop), c.hold(s.Stop)))
	mux.HandleFunc("POST /hold", c.guard(always(ActionHold), c.hold(s.Hold)))
	mux.HandleFunc("POST /release", c.guard(always(ActionRelease), c.hold(s.Release)))
	mux.HandleFunc("GET /assets/{name}", asset)
	mux.HandleFunc("POST /ops/{id}/{act}", c.guard(opAction, c.decide))
	mux.HandleFunc("POST /plan", c.guard(always(ActionRun), c.startRun))
	mux.HandleFunc("POST /rollback", c.guard(always(ActionRollback), c.startRollback))
	mux.HandleFunc("GET /", c.notFound)
	return headers(c.hosted(c.rooted(patient(mux))))
}

// console is the state of one handler.
type console struct {
	seq       *seq.Sequencer
	title     string
	ctx       context.Context //nolint:containedctx // of what outlives a request
	clock     clock.Clock
	authorise func(*http.Request, Action, string) (string, bool)
	hosts     map[string]bool // nil: any
	prefix    string          // of addresses, as browsers see them
	secure    func(*http.Request) bool

	news  *News
	heard bool // the sequencer tells the news

	cache     cache
	histories histories
	runs      runRecords
	tookTurn  chan struct{}
	errands   errands
	panicked  sync.Once
}

// headers are those of every answer: nothing is loaded from elsewhere, nothing inline runs, no
// other page may frame this one or learn its address.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "+
			"require-trusted-types-for 'script'; trusted-types 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Under no-referrer a form's Origin would be null, which without TLS, where browsers send no
		// Sec-Fetch-Site, looks like another site's.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// patient bounds what a request waits for: a ledger that is slow or locked is told of, instead of a
// page that never comes. What a person decides is not cut off by it.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// rooted sends the prefix without its slash, which StripPrefix makes the empty path, to the one
// with: links are relative, and would miss the prefix.
func (c *console) rooted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" {
			if c.prefix != "" {
				r = r.Clone(r.Context())
				r.URL.Path = "/"
				next.ServeHTTP(w, r)
				return
			}
			asked, _, _ := strings.Cut(r.RequestURI, "?")
			goTo(w, path.Base(asked)+"/", http.StatusMovedPermanently)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// goTo redirects to a path relative to the request's, which http.Redirect would make absolute and
// so lose a prefix that was stripped.
func goTo(w http.ResponseWriter, relative string, status int) {
	w.Header().Set("Location", "./"+relative)
	w.WriteHeader(status)
}
