// Console serves the live page over a deploy with slow operations, some of which fail.
//
//	go run ./examples/console -serve localhost:8080   # watch it in a browser, and act on it
//	go run ./examples/console                         # run it, look once, and print what is shown
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

var addr = flag.String("serve", "", "`address` to serve on until interrupted, as localhost:8080")

func main() { demo.Main("console", run) }

func run(ctx context.Context, store *bunstore.Store) error {
	pace := time.Millisecond
	if *addr != "" {
		pace = time.Second
	}
	var news console.News // what the ledger does not hold: what is tried again, and why
	deploy := seq.New(store, ops(pace)...).Use(strategies.DependencyGraph(), news.Middleware())

	// Whoever reaches the handler may look. Only those whom Allow knows may act; a service asks its
	// own login here.
	page := http.NewServeMux()
	page.Handle("/deploy/", http.StripPrefix("/deploy", console.Handler(deploy,
		console.Title("Demo deploy"),
		console.Context(ctx),
		console.Hear(&news),
		console.Allow(func(*http.Request) (actor string, ok bool) { return "ada", *addr != "" }),
	)))
	if *addr == "" {
		return once(ctx, deploy, page)
	}
	return serve(ctx, deploy, page)
}

// serve runs the deploy while the page shows it.
func serve(ctx context.Context, deploy *seq.Sequencer, page http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("http://%s/deploy/\n", listener.Addr())
	report, err := deploy.Run(ctx)
	fmt.Print(report)
	if err != nil {
		fmt.Println(err)
	}
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
		return server.Shutdown(context.WithoutCancel(ctx))
	}
}

// once runs the deploy and looks at its own page.
func once(ctx context.Context, deploy *seq.Sequencer, page http.Handler) error {
	report, err := deploy.Run(ctx)
	fmt.Print(report)
	if want := (*seq.RunError)(nil); err != nil && !errors.As(err, &want) {
		return err
	}
	for _, path := range []string{"/deploy/", "/deploy/ops/" + backfill, "/deploy/plan"} {
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody))
		_, heading, _ := strings.Cut(answer.Body.String(), "</svg>")
		_, heading, _ = strings.Cut(heading, "<h1>")
		_, heading, _ = strings.Cut(heading, "</svg>")
		heading, _, _ = strings.Cut(heading, "</h1>")
		fmt.Printf("%d  %-60s %s\n", answer.Code, path, heading)
		if err := demo.Same("status of "+path, answer.Code, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}
