package lab

import (
	"context"

	"github.com/moby/moby/client"
)

// A Fault is what befalls a host, by its name, while it works.
type Fault struct {
	Name   string
	Strike func(ctx context.Context, l *Lab, host string) error
	Heal   func(ctx context.Context, l *Lab, host string) error // nil: it is not healed
}

// Faults are all there are: paused, killed, and cut off from the network.
var Faults = []Fault{
	{"docker pause", func(ctx context.Context, l *Lab, host string) error {
		_, err := l.docker.ContainerPause(ctx, host, client.ContainerPauseOptions{})
		return err
	}, func(ctx context.Context, l *Lab, host string) error {
		_, err := l.docker.ContainerUnpause(ctx, host, client.ContainerUnpauseOptions{})
		return err
	}},
	{"docker kill", func(ctx context.Context, l *Lab, host string) error {
		_, err := l.docker.ContainerKill(ctx, host, client.ContainerKillOptions{})
		return err
	}, nil},
	{"docker network disconnect", func(ctx context.Context, l *Lab, host string) error {
		_, err := l.docker.NetworkDisconnect(ctx, l.network.ID, client.NetworkDisconnectOptions{Container: host, Force: true})
		return err
	}, func(ctx context.Context, l *Lab, host string) error {
		_, err := l.docker.NetworkConnect(ctx, l.network.ID, client.NetworkConnectOptions{Container: host})
		return err
	}},
}
