package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

var heading = regexp.MustCompile(`<span role="status">([^<]*)</span>`)

// A page for everybody who reaches the service, below a prefix. It only reads.
func ExampleHandler() {
	deploy := seq.New(store.NewMemory(), seq.Op{
		ID:  "2024_01_15_120000_warm_prices",
		Run: func(context.Context) error { return errors.New("the cache is full") },
	})
	_, _ = deploy.Run(context.Background())

	mux := http.NewServeMux()
	mux.Handle("/deploy/", http.StripPrefix("/deploy", console.Handler(deploy)))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/deploy/", http.NoBody))
	fmt.Println(w.Code, heading.FindStringSubmatch(w.Body.String())[1])
	// Output: 200 1 operation needs attention
}

// Who is on call may skip and resolve; only the release manager may run and roll back.
func ExampleAllowFunc() {
	role := func(r *http.Request) (name, role string) { // of the service's own login
		return r.Header.Get("X-User"), r.Header.Get("X-Role")
	}
	deploy := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_warm_prices", Run: func(context.Context) error { return nil }})
	page := console.Handler(deploy,
		console.Hosts("deploy.example.com"),
		console.SecureCookie(true), // TLS ends at the proxy
		console.AllowFunc(func(r *http.Request, action console.Action, id string) (string, bool) {
			name, role := role(r)
			switch action {
			case console.ActionSkip, console.ActionResolve, console.ActionRetry:
				return name, role == "on call" || role == "release"
			default:
				return name, role == "release"
			}
		}),
	)
	button := regexp.MustCompile(`<button[^>]*>(Run now|Skip)</button>`)
	for _, role := range []string{"on call", "release", "guest"} {
		r := httptest.NewRequest(http.MethodGet, "/ops/2024_01_15_120000_warm_prices", http.NoBody)
		r.Host = "deploy.example.com"
		r.Header.Set("X-User", "ada")
		r.Header.Set("X-Role", role)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		fmt.Printf("%s:", role)
		for _, m := range button.FindAllStringSubmatch(w.Body.String(), -1) {
			fmt.Printf(" %q", m[1])
		}
		fmt.Fprintln(os.Stdout)
	}
	// Output:
	// on call: "Skip"
	// release: "Run now" "Skip"
	// guest:
}
