package pgtest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

// fromContainer starts a container. Once the engine answers and the image is there, whatever
// goes wrong is an error and not a reason to look elsewhere.
func fromContainer() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	image := cmp.Or(os.Getenv("SEQ_TEST_POSTGRES_IMAGE"), "postgres:17-alpine")
	if err := haveImage(ctx, image); err != nil {
		return nil, fmt.Errorf("container of %s: %w: %w", image, errUnavailable, err)
	}
	// The data is in memory: containers write to layers of files, which is slow, and the tests make
	// hundreds of databases. What has to survive a crash of the server is tested elsewhere.
	c, err := postgres.Run(ctx, image, postgres.BasicWaitStrategies(),
		testcontainers.WithTmpfs(map[string]string{"/var/lib/postgresql/data": "rw"}))
	stop := func() error { return testcontainers.TerminateContainer(c) }
	if err != nil {
		_ = stop() // the reason is err
		return nil, err
	}
	dsn, err := c.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		_ = stop()
		return nil, err
	}
	return &server{dsn: dsn, stop: stop}, nil
}

// haveImage asks the container engine for image, and lets it pull one that is not local.
func haveImage(ctx context.Context, image string) (err error) {
	defer func() { // testcontainers panics when it finds no engine to ask
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }()
	if err := provider.Health(ctx); err != nil {
		return err
	}
	if _, err := provider.Client().ImageInspect(ctx, image); err == nil {
		return nil
	}
	return provider.PullImage(ctx, image)
}
