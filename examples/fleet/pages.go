package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"riverqueue.com/riverui"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
)

var addr = flag.String("http", "", "`address` to serve the pages on until interrupted, as 127.0.0.1:8080")

// A site is the pages of one server: ours at /deploy/, and River's at /river/ if orders go through it.
type site struct {
	http.ServeMux
	pages []string
	looks []look
}

// A look is what a page must show.
type look struct{ path, word string }

// console mounts the page of the run: what the ledger says.
func (s *site) console(deploy *seq.Sequencer) {
	s.Handle("/deploy/", http.StripPrefix("/deploy", console.Handler(deploy, console.Title("Primes"))))
	s.pages = append(s.pages, "/deploy/")
	s.looks = append(s.looks, look{"/deploy/", "Primes"}, look{"/deploy/ops/" + countChunk(0), countChunk(0)})
}

// river mounts River's own page, until ctx ends: which orders wait, and who has them. It only needs a client that does no
// jobs. Everything that its page loads is in the binary. Whoever reaches it may also pause queues, cancel and delete
// jobs: mount it behind the service's own login.
func (s *site) river(ctx context.Context, pool *pgxpool.Pool) error {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return err
	}
	handler, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(client, nil), Logger: slog.New(slog.DiscardHandler), Prefix: "/river",
	})
	if err != nil {
		return err
	}
	s.Handle("/river/", handler)
	s.pages = append(s.pages, "/river/")
	s.looks = append(s.looks, look{"/river/", "<title>River</title>"}, look{"/river/api/jobs?state=completed", "seq_order"})
	return handler.Start(ctx)
}

// serve serves the pages in the background, and returns what waits for an interrupt and ends that.
func (s *site) serve(ctx context.Context) (end func() error, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	for _, page := range s.pages {
		fmt.Printf("http://%s%s\n", listener.Addr(), page)
	}
	return func() error {
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
			return server.Shutdown(context.WithoutCancel(ctx))
		}
	}, nil
}

// check looks at the pages.
func (s *site) check(ctx context.Context) error {
	for _, l := range s.looks {
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, l.path, http.NoBody))
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), l.word) {
			return fmt.Errorf("%s: status %d, and no %q in %.500s", l.path, answer.Code, l.word, answer.Body)
		}
		fmt.Printf("%d  %s\n", answer.Code, l.path)
	}
	return nil
}
