package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"time"
)

// A script is a shell script that runs a server in $1, a new folder, until its standard input ends.
// That is when the server is stopped, and also when the test process dies of a panic or a kill, so
// no server is ever left behind. It prints ready when the server is.
type script struct {
	name string // of the server
	text string
	env  []string // beside that of the test process
}

// start runs the script, not as root, and waits for the server.
func (s script) start(args ...string) (dir string, stop func() error, err error) {
	if dir, err = os.MkdirTemp("", "seq-pg-"); err != nil {
		return "", nil, err
	}
	prefix, err := dropRoot(dir)
	if err != nil {
		_ = os.Remove(dir)
		return "", nil, fmt.Errorf("%s as root: %w", s.name, err)
	}
	args = slices.Concat(prefix, []string{"sh", "-c", s.text, "sh", dir}, args)
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...) // it ends with its input
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), s.env...)
	cmd.WaitDelay = 10 * time.Second
	var log bytes.Buffer // read only after Wait
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		_ = os.Remove(dir)
		return "", nil, fmt.Errorf("%s: %w", s.name, err)
	}
	stop = func() error {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%s: %w\n%s", s.name, err, log.Bytes())
		}
		return nil
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		return "", nil, errors.Join(fmt.Errorf("%s did not start", s.name), stop())
	}
	return dir, stop, nil
}

// dropRoot hands dir to a user who is not root, whom servers refuse, and returns the command
// that runs another as that user. For anybody but root there is nothing to do.
func dropRoot(dir string) ([]string, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnavailable, err)
		}
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return []string{setpriv, "--reuid=" + who.Uid, "--regid=" + who.Gid, "--clear-groups"}, nil
}
