package lab

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
)

// Hosts are hosts by the names that they have themselves.
type Hosts map[string]testcontainers.Container

// Start makes n hosts whose process has this environment, and then starts them together. The caller removes
// them, also after an error.
func (l *Lab) Start(ctx context.Context, env map[string]string, n int) (Hosts, error) {
	env = maps.Clone(env)
	env["GODEBUG"] = "netdns=go"
	env["GORACE"] = "atexit_sleep_ms=0" // else an end takes a second under the race detector
	all := Hosts{}
	for range n {
		c, err := testcontainers.Run(ctx, l.image, testcontainers.WithNoStart(), testcontainers.WithEnv(env),
			network.WithNetwork(nil, l.network),
			testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
				h.Sysctls = map[string]string{"net.ipv4.tcp_retries2": "5"} // not a quarter of an hour
			}))
		if err != nil {
			return all, err
		}
		all[c.GetContainerID()[:12]] = c
	}
	errs := make(chan error, n)
	for _, c := range all {
		go func() { errs <- c.Start(ctx) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	return all, err
}

// Remove ends and removes all of them.
func (hs Hosts) Remove() {
	for _, c := range hs {
		_ = testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0))
	}
}

// Ended reports whether the processes of all hosts have, but for one. It takes a moment.
func (hs Hosts) Ended(ctx context.Context, but string) bool {
	for name, c := range hs {
		if name == but {
			continue
		}
		if state, err := c.State(ctx); err != nil || state.Running {
			return false
		}
	}
	return true
}

// Said is what the process of a host has written.
func (hs Hosts) Said(ctx context.Context, host string) string {
	logs, err := hs[host].Logs(ctx)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = logs.Close() }()
	text, err := io.ReadAll(logs)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Terminate sends SIGTERM to the process of a host.
func (l *Lab) Terminate(ctx context.Context, host string) error {
	_, err := l.docker.ContainerKill(ctx, host, client.ContainerKillOptions{Signal: "SIGTERM"})
	return err
}
