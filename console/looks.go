package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// looks are how a state is drawn: a class for its colour, an icon for those who do not see
// colours, and the words.
type looks struct{ Class, Icon, Word string }

var stateLooks = map[seq.State]looks{
	seq.Pending:         {"idle", "pending", "pending"},
	seq.Scheduled:       {"time", "clock", "scheduled"},
	seq.Running:         {"busy", "busy", "running"},
	seq.Succeeded:       {"good", "check", "succeeded"},
	seq.Skipped:         {"quiet", "skip", "skipped"},
	seq.Failed:          {"bad", "cross", "failed"},
	seq.Tolerated:       {"warn", "alert", "failed, tolerated"},
	seq.Indeterminate:   {"warn", "doubt", "outcome unknown"},
	seq.RollbackPending: {"back", "undo", "to be rolled back"},
	seq.RollingBack:     {"back", "busy", "rolling back"},
	seq.RolledBack:      {"back", "undo", "rolled back"},
	seq.RollbackFailed:  {"bad", "cross", "rollback failed"},
	seq.Waived:          {"quiet", "skip", "waived"},
}

var runLooks = map[seq.RunState]looks{
	seq.RunStarted:        {"busy", "busy", "running"},
	seq.RunSucceeded:      {"good", "check", "succeeded"},
	seq.RunFailed:         {"bad", "cross", "failed"},
	seq.RunRollingBack:    {"back", "busy", "rolling back"},
	seq.RunRolledBack:     {"back", "undo", "rolled back"},
	seq.RunRollbackFailed: {"bad", "cross", "rollback failed"},
	seq.RunAbandoned:      {"warn", "doubt", "abandoned"},
	seq.RunWaiting:        {"time", "clock", "waiting"},
	seq.RunBusy:           {"quiet", "skip", "not started"},
	store.RunInterrupted:  {"warn", "doubt", "interrupted"},
}

// looksOfState is how a state is drawn. One that this page does not know is drawn as a doubt, by its name.
func looksOfState(state seq.State) looks {
	if l, known := stateLooks[state]; known {
		return l
	}
	return looks{"warn", "doubt", state.String()}
}

// looksOfRun is how the state of a run is drawn, likewise.
func looksOfRun(state seq.RunState) looks {
	if l, known := runLooks[state]; known {
		return l
	}
	return looks{"warn", "doubt", state.String()}
}

// retrying is what failed and waits to be tried again.
var retrying = looks{"warn", "clock", "retrying"}

// interrupted is what is under way by the ledger, and whose process is gone.
var interrupted = looks{"warn", "doubt", "interrupted"}

// title is an op's name for people: its ID without the timestamp, and with spaces.
func title(id string) string {
	_, name, err := seq.ParseID(id)
	if err != nil || name == "" {
		return id
	}
	return strings.ReplaceAll(name, "_", " ")
}

// short cuts a text that has no room, by characters.
func short(n int, text string) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return strings.TrimSpace(string(r[:n-1])) + "…"
}

// span is a duration for people: two units at most.
func span(d time.Duration) string {
	unit := func(big, small time.Duration, b, s string) string {
		d = d.Round(small)
		if rest := d % big / small; rest > 0 {
			return fmt.Sprintf("%d %s %d %s", d/big, b, rest, s)
		}
		return fmt.Sprintf("%d %s", d/big, b)
	}
	switch d = d.Abs(); {
	case d < time.Millisecond:
		return "< 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second != 0:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Truncate(100*time.Millisecond).Seconds()), ".0") + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return unit(time.Minute, time.Second, "min", "s")
	case d < 48*time.Hour:
		return unit(time.Hour, time.Minute, "h", "min")
	default:
		return unit(24*time.Hour, time.Hour, "d", "h")
	}
}

// ago is when something was or will be, seen from now. It says no more than changes once a minute,
// so that a page at rest stays the same.
func ago(now, at time.Time) string {
	switch d := now.Sub(at); {
	case at.IsZero():
		return ""
	case d < -time.Minute:
		return "in " + span((-d).Truncate(time.Minute))
	case d < 0:
		return "in " + span(-d)
	case d < time.Minute:
		return "just now"
	case d < 24*time.Hour:
		return span(d.Truncate(time.Minute)) + " ago"
	default:
		return span(d.Truncate(time.Hour)) + " ago"
	}
}

func number(n int) string { return strconv.Itoa(n) }

// firstLine is the first line of a text, cut where there is no room.
func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if line = short(240, line); more {
		line += " …"
	}
	return line
}

// many is a large number for people: in groups of three digits from five digits on.
func many(n int64) string {
	text := strconv.FormatInt(n, 10)
	if n > -10_000 && n < 10_000 {
		return text
	}
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}
