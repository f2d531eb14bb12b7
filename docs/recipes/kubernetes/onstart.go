// Package kubernetes is the program of on-start.yaml: a service that does its deploy-time work when it starts.
package kubernetes

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/sequencer-go/seq"
)

// Serve listens at once, so that /livez answers, and serves app when the operations are done: /readyz says
// so. It returns when ctx ends, which is when the pod gets SIGTERM, or when the operations fail: then the
// pod restarts, and the old ones keep serving.
func Serve(ctx context.Context, l net.Listener, s *seq.Sequencer, app http.Handler) error {
	var ready atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "the operations of this release are not done yet", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		app.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: mux}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	defer server.Close()

	if _, err := s.Run(ctx); err != nil { // waits while another pod works
		return err
	}
	ready.Store(true)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		ready.Store(false)
		return server.Shutdown(context.WithoutCancel(ctx)) // for as long as the grace time of the pod lasts
	}
}
