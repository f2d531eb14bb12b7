package console

import (
	"context"
	"net"
	"net/http"
	"strings"
)

// An Option adjusts the console.
type Option func(*console)

// An Action is something that a page may do in the ledger.
type Action string

// The actions.
const (
	ActionRun      Action = "run"      // carry out the plan of a run; the ID is empty
	ActionRunOne   Action = "run-one"  // run one op now
	ActionRollback Action = "rollback" // undo the last run; the ID is empty
	ActionSkip     Action = "skip"     // decide that an op need not run
	ActionRetry    Action = "retry"    // decide that an op is pending again
	ActionResolve  Action = "resolve"  // say what became of an op
	ActionPause    Action = "pause"    // let an op in the background rest
	ActionResume   Action = "resume"   // take back a pause
	ActionCancel   Action = "cancel"   // end an op in the background for good
	ActionSet      Action = "set"      // change its batches and rests
	ActionStop     Action = "stop"     // stop the run that is under way, and hold the ledger; the ID is empty
	ActionHold     Action = "hold"     // keep runs from beginning; the ID is empty
	ActionRelease  Action = "release"  // take back a stop or a hold; the ID is empty
)

// Allow makes the console offer all actions to requests that authorise lets through. It is
// [AllowFunc] for those who need not tell actions apart.
func Allow(authorise func(r *http.Request) (actor string, ok bool)) Option {
	if authorise == nil {
		return AllowFunc(nil)
	}
	return AllowFunc(func(r *http.Request, _ Action, _ string) (string, bool) { return authorise(r) })
}

// AllowFunc makes the console offer those actions that authorise lets a request do. It is asked for
// each action, with the ID of the op that it is about or "", both before a page offers it and before
// it is done; and it names the person who asks, for the ledger. An empty actor is refused, and so is
// everybody if authorise panics. It must be safe for concurrent use. Without this option, or with a
// nil authorise, there are no actions. The last of several counts.
func AllowFunc(authorise func(r *http.Request, action Action, id string) (actor string, ok bool)) Option {
	return func(c *console) { c.authorise = authorise }
}

// Title is what the pages are called; "Sequencer" by default.
func Title(title string) Option { return func(c *console) { c.title = title } }

// Context is what runs and rollbacks that are started from a page live by; they outlive the
// request that started them. By default nothing ends them but the process.
func Context(ctx context.Context) Option { return func(c *console) { c.ctx = ctx } }

// Hosts names the hosts that the console is reached by, as "deploy.example.com" or
// "deploy.example.com:8443"; without a port any will do. A request for another host is answered with
// 421 (Misdirected Request), so that a name which somebody else points at this server cannot read the
// pages through the browser of a person who may (DNS rebinding). Give the names as browsers have
// them, also if a proxy sends another Host: forms from their pages over HTTPS are taken then too.
// By default any host is served.
func Hosts(names ...string) Option {
	return func(c *console) {
		c.hosts = map[string]bool{}
		for _, n := range names {
			c.hosts[strings.ToLower(n)] = true
		}
	}
}

// Prefix is what stands before the console in addresses as browsers see them, as "/deploy", where the
// server cannot know because a proxy in front of it takes it away. Links are absolute then. Behind
// [http.StripPrefix], and behind a proxy that leaves the path as it is, it is not needed.
func Prefix(path string) Option {
	path = strings.Trim(path, "/")
	if path != "" {
		path = "/" + path
	}
	return func(c *console) { c.prefix = path }
}

// SecureCookie says whether browsers reach the console over HTTPS, which the server cannot know
// behind a proxy that ends it. Then the cookie of forms is Secure, and its name begins with __Host-,
// so that neither a page without TLS nor one of a sibling domain can set it. By default it is so for
// requests that came over TLS.
func SecureCookie(secure bool) Option {
	return func(c *console) { c.secure = func(*http.Request) bool { return secure } }
}

// hosted lets requests through that are for a host of the console.
func (c *console) hosted(next http.Handler) http.Handler {
	if c.hosts == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		if !c.hosts[host] && !c.hosts[name] {
			http.Error(w, "this console is not reached by that name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
