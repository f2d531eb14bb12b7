package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq"
)

// printPlan prints what will happen. What is enrolled and not due is no news.
func printPlan(plan *seq.Plan) {
	now := 0
	for i := range plan.Steps {
		if due(&plan.Steps[i]) {
			now++
		}
	}
	switch scheduled := len(plan.Steps) - now; {
	case plan.Empty():
		fmt.Println("Nothing is pending.")
	case now == 0:
		fmt.Printf("Nothing is pending now, %d scheduled\n%s", scheduled, plan)
	default:
		fmt.Printf("Plan: %s, %d to do now, %d scheduled\n%s", plan.Strategy, now, scheduled, plan)
	}
}

func due(step *seq.Step) bool { return !step.NotBefore.After(time.Now()) }

// willRun reports whether an op is planned and due.
func willRun(plan *seq.Plan, id string) bool {
	i := slices.Index(plan.IDs(), id)
	return i >= 0 && due(&plan.Steps[i])
}

// progress prints a line when an op starts and when it comes to rest.
func progress() seq.Middleware {
	started := map[string]time.Time{}
	return seq.Middleware{Name: "progress", Watch: func(e seq.Event) {
		switch e.Kind {
		case seq.EventWaiting:
			fmt.Printf("waiting: %v\n", e.Err)
		case seq.EventRunStarted:
			fmt.Println("\nRun")
		case seq.EventStarted:
			started[e.ID] = e.Time
			fmt.Printf("  %-11s %s\n", e.Direction, e.ID)
		case seq.EventRetrying:
			fmt.Printf("  %-11s %s: %v; again in %s\n", "retrying", e.ID, e.Err, e.Delay)
		case seq.EventSettled:
			fmt.Printf("  %-11s %s%s\n", e.State, e.ID, remark(e, started[e.ID]))
		case seq.EventRunFinished: // the report comes next
		}
	}}
}

func remark(e seq.Event, started time.Time) string {
	var op *seq.OpError
	switch {
	case errors.As(e.Err, &op):
		return ": " + op.Err.Error() // without the ID, which stands before it
	case e.Err != nil:
		return ": " + e.Err.Error()
	case e.Reason != "":
		return ": " + e.Reason
	case started.IsZero():
		return ""
	default:
		return fmt.Sprintf(" (%s)", e.Time.Sub(started).Round(100*time.Microsecond))
	}
}
