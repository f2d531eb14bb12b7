// Package lab makes hosts for tests: containers that run the test's own binary, each with an address of its
// own, on a network with a Postgres that they know by name. They are paused, killed and cut off while they
// work.
package lab

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
	"github.com/testcontainers/testcontainers-go/network"

	"github.com/sequencer-go/seq/integration/pgtest"
)

// A Lab is a network of hosts, and a database.
type Lab struct {
	DSN string // of the database, as this process reaches it

	docker  *testcontainers.DockerClient
	network *testcontainers.DockerNetwork
	image   string // of a host
}

// New makes a lab for the time of a test. Without a container engine, or without the image of Postgres
// (SEQ_TEST_POSTGRES_IMAGE, by default postgres:17-alpine), the test is skipped, or fails if SEQ_TEST_REQUIRE
// lists "docker".
func New(t *testing.T) *Lab {
	t.Helper()
	docker, err := engine(t.Context())
	if err != nil {
		missing(t, err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	l := &Lab{docker: docker, image: "seq-test-host:" + strings.ToLower(rand.Text())}
	if l.network, err = network.New(t.Context()); err != nil { // no reaper, perhaps
		missing(t, err)
	}
	t.Cleanup(func() { check(t, l.network.Remove(context.WithoutCancel(t.Context()))) })
	if err := l.makeImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := docker.ImageRemove(context.WithoutCancel(t.Context()), l.image, client.ImageRemoveOptions{Force: true})
		check(t, err)
	})
	l.startDatabase(t)
	return l
}

// Answers is an error if no container engine does.
func Answers(ctx context.Context) error {
	docker, err := engine(ctx)
	if err != nil {
		return err
	}
	return docker.Close()
}

// engine is the container engine, if one answers.
func engine(ctx context.Context) (docker *testcontainers.DockerClient, err error) {
	defer func() { // testcontainers panics when it finds no engine to ask
		if r := recover(); r != nil {
			err = errors.New("no container engine")
		}
	}()
	if docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		return nil, err
	}
	_, err = docker.Ping(ctx, client.PingOptions{})
	return docker, err
}

func missing(t *testing.T, why error) {
	t.Helper()
	if pgtest.Required("docker") {
		t.Fatal(why)
	}
	t.Skip(why)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// makeImage makes the image of a host: this test binary, and what it loads.
func (l *Lab) makeImage(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	files := map[string]string{"/host": self}
	if libs, err := exec.CommandContext(ctx, "ldd", self).Output(); err == nil { // else it is static
		for word := range strings.FieldsSeq(string(libs)) {
			if strings.HasPrefix(word, "/") {
				files[word] = word
			}
		}
	}
	var root bytes.Buffer
	out := tar.NewWriter(&root)
	for name, from := range files {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: 0o755, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	done, err := l.docker.ImageImport(ctx, client.ImageImportSource{Source: &root, SourceName: "-"}, l.image,
		client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/host"]`}})
	if err != nil {
		return err
	}
	defer func() { _ = done.Close() }()
	_, err = io.Copy(io.Discard, done) // its end is the end of the import
	return err
}

const database = "database"

// startDatabase starts a Postgres that the hosts know by name, and this process by a port.
func (l *Lab) startDatabase(t *testing.T) {
	t.Helper()
	image := cmp.Or(os.Getenv("SEQ_TEST_POSTGRES_IMAGE"), "postgres:17-alpine")
	c, err := postgres.Run(t.Context(), image, postgres.BasicWaitStrategies(), network.WithNetwork([]string{database}, l.network))
	t.Cleanup(func() { check(t, testcontainers.TerminateContainer(c)) })
	if err != nil { // no image, perhaps
		missing(t, err)
	}
	if l.DSN, err = c.ConnectionString(t.Context(), "sslmode=disable"); err != nil {
		t.Fatal(err)
	}
}

// Database makes an empty one, and returns its address as this process reaches it. It goes with the lab.
func (l *Lab) Database(t *testing.T) (dsn string) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), l.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.WithoutCancel(t.Context())) }()
	name := "seq_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Inside is an address of the database as the hosts reach it.
func (l *Lab) Inside(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	u.Host = database
	return u.String()
}
