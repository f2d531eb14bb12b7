package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// ThisProcess is the owner that this process is known by: its host, its pid and the revision
// its binary was built from.
func ThisProcess() Owner { return thisProcess() }

var thisProcess = sync.OnceValue(func() Owner {
	host, _ := os.Hostname()
	return Owner{Host: host, PID: os.Getpid(), Revision: revision(), Binary: binary()}
})

// String is "host[pid] revision for actor".
func (o Owner) String() string {
	s := fmt.Sprintf("%s[%d]", quoted(o.Host), o.PID)
	if o.Revision != "" {
		s += " " + o.Revision
	}
	if o.Actor != "" {
		s += " for " + quoted(o.Actor)
	}
	return s
}

// binary is the same only for the same binary: the revision it was built from if nothing was changed,
// else a checksum of the executable, "" if that cannot be read.
func binary() string {
	if rev := revision(); rev != "" && vcsClean() {
		return rev
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return ""
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// vcsClean reports whether the binary was built from a revision as it is.
func vcsClean() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	rev, clean := false, false
	for _, s := range info.Settings {
		rev = rev || s.Key == "vcs.revision"
		clean = clean || s.Key == "vcs.modified" && s.Value == "false"
	}
	return rev && clean
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	rev, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if rev == "" {
		return info.Main.Version
	}
	return rev + dirty
}
