package kill_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
	"github.com/testcontainers/testcontainers-go/network"
)

// A lab is a network of hosts: containers, each with an address of its own, and a database.
type lab struct {
	docker  *testcontainers.DockerClient
	network *testcontainers.DockerNetwork
	image   string // of a replica
	grounds *grounds
}

func newLab(t *testing.T) *lab {
	t.Helper()
	docker, err := engine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	l := &lab{docker: docker, image: "seq-kill-replica:" + strings.ToLower(rand.Text())}
	if l.network, err = network.New(t.Context()); err != nil { // no reaper, perhaps
		missing(t, "docker", err)
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

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
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

// makeImage makes the image of a replica: this test binary, and what it loads.
func (l *lab) makeImage(ctx context.Context) error {
	files := map[string]string{"/replica": self}
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
		client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/replica"]`}})
	if err != nil {
		return err
	}
	defer func() { _ = done.Close() }()
	_, err = io.Copy(io.Discard, done) // its end is the end of the import
	return err
}

// startDatabase starts a Postgres that the hosts know by name, and this process by a port.
func (l *lab) startDatabase(t *testing.T) {
	t.Helper()
	image := cmp.Or(os.Getenv("SEQ_TEST_POSTGRES_IMAGE"), "postgres:17-alpine")
	c, err := postgres.Run(t.Context(), image, postgres.BasicWaitStrategies(), network.WithNetwork([]string{database}, l.network))
	t.Cleanup(func() { check(t, testcontainers.TerminateContainer(c)) })
	if err != nil { // no image, perhaps
		missing(t, "docker", err)
	}
	l.grounds = &grounds{kind: "postgres"}
	if l.grounds.dsn, err = c.ConnectionString(t.Context(), "sslmode=disable"); err != nil {
		t.Fatal(err)
	}
	s := &server{dsn: l.grounds.dsn}
	l.grounds.log = s.database(t, "effects")
}

const database = "database"

// hosts are replicas in containers by the names that their hosts have.
type hosts map[string]testcontainers.Container

// start makes n replicas, each on a host of its own, and then starts them together.
func (l *lab) start(ctx context.Context, o order, n int) (hosts, error) {
	o.DSN, o.Log = inside(o.DSN), inside(o.Log)
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	all := hosts{}
	for range n {
		c, err := testcontainers.Run(ctx, l.image, testcontainers.WithNoStart(),
			testcontainers.WithEnv(map[string]string{childEnv: string(text), "GODEBUG": "netdns=go", "GORACE": raceOptions}),
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
	for range all {
		err = errors.Join(err, <-errs)
	}
	return all, err
}

func (hs hosts) remove() {
	for _, c := range hs {
		_ = testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0))
	}
}

// ended reports whether all of them have, but for one. It takes a moment.
func (hs hosts) ended(ctx context.Context, but string) bool {
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

// inside is an address of the database as the hosts know it.
func inside(dsn string) string { return with(with(dsn, "host", database), "port", "5432") }
