package store

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
)

// ThisProcess is the owner that this process is known by: its host, its pid and the revision
// its binary was built from.
func ThisProcess() Owner { return thisProcess() }

var thisProcess = sync.OnceValue(func() Owner {
	host, _ := os.Hostname()
	return Owner{Host: host, PID: os.Getpid(), Revision: revision()}
})

// String is "host[pid] revision for actor".
func (o Owner) String() string {
	s := fmt.Sprintf("%s[%d]", strings.Trim(strconv.Quote(o.Host), `"`), o.PID)
	if o.Revision != "" {
		s += " " + o.Revision
	}
	if o.Actor != "" {
		s += " for " + strings.Trim(strconv.Quote(o.Actor), `"`)
	}
	return s
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
