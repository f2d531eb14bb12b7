package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/docs/recipes/kubernetes"
	"github.com/sequencer-go/seq/store"
)

// get is the status that a probe gets.
func get(t *testing.T, l net.Listener, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestAPodIsAliveAtOnceAndReadyWhenTheWorkIsDone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started, end := make(chan struct{}), make(chan struct{})
	s := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_fill", Run: func(context.Context) error {
		close(started)
		<-end
		return nil
	}})
	served := make(chan struct{}, 1)
	app := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "shop"); served <- struct{}{} })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- kubernetes.Serve(ctx, l, s, app) }()
	<-started
	if live, ready, page := get(t, l, "/livez"), get(t, l, "/readyz"), get(t, l, "/"); live != 200 || ready != 503 || page != 503 {
		t.Errorf("while it works: alive %d, ready %d, page %d", live, ready, page)
	}
	close(end)
	for get(t, l, "/readyz") != 200 { // the run ends by itself
		if t.Context().Err() != nil {
			t.Fatal("it is never ready")
		}
	}
	if page := get(t, l, "/"); page != 200 || len(served) != 1 {
		t.Errorf("when it is ready: page %d", page)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("a pod that is stopped: %v", err)
	}
}

func TestAPodWhoseWorkFailsDoesNotServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no such table")
	s := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_fill", Run: func(context.Context) error { return no }})
	if err := kubernetes.Serve(t.Context(), l, s, http.NotFoundHandler()); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
}
