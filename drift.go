package seq

import (
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/internal/enum"
	"slices"
	"strings"
	"time"
)

// Drift says what to do where code and ledger have drifted apart. It is a [Part]; without it, and
// as its zero value, every finding is a warning in the plan.
type Drift struct {
	// Changed is for a step whose Checksum is not the one it succeeded with.
	Changed Policy
	// Missing is for a step that succeeded with a Checksum and is not registered any more. Ops
	// without a Checksum come and go; nobody calls that drift.
	Missing Policy
	// Late is for a migration that has not run although a younger one has.
	Late Policy
}

// Policy is what to do about a finding.
type Policy uint8

// The policies.
const (
	Warn  Policy = iota // show it in the plan, and run
	Fail                // refuse to run; the error matches [ErrDrift]
	Allow               // say nothing
)

var policyNames = [...]string{"warn", "fail", "allow"}

// String is "warn", "fail" or "allow".
func (p Policy) String() string { return enum.Name(policyNames[:], p) }

// ParsePolicy is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParsePolicy(s string) (Policy, error) { return enum.Parse[Policy](policyNames[:], s, "policy") }

// MarshalText writes the policy as its name.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// A Finding is one place where code and ledger differ.
type Finding struct {
	ID     string
	Kind   string // "changed", "missing" or "late"
	Detail string
	Policy Policy
}

// String is a line on the finding, that begins with the policy.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s is %s: %s", f.Policy, f.ID, f.Kind, f.Detail)
}

func (d Drift) join(s *Sequencer) { s.drift = d }

// refuse is an error that names the findings whose policy is to fail.
func (d Drift) refuse(findings []Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Policy == Fail {
			errs = append(errs, fmt.Errorf("%w: %s is %s: %s", ErrDrift, f.ID, f.Kind, f.Detail))
		}
	}
	return errors.Join(errs...)
}

// drift compares the catalog with the ledger.
func (p *planning) drift() []Finding {
	var found []Finding
	add := func(policy Policy, id, kind, detail string) {
		if policy != Allow {
			found = append(found, Finding{id, kind, detail, policy})
		}
	}
	var newest *stamped
	for i := range p.catalog.ops {
		o, e := &p.catalog.ops[i], p.of[i]
		if !isDone(e) {
			continue
		}
		if o.op.Kind == Migration {
			newest = o
		}
		if e.State == Succeeded && e.Checksum != "" && o.op.Checksum != "" && e.Checksum != o.op.Checksum {
			add(p.policy.Changed, o.op.ID, "changed", "it succeeded from another source than it has now; undo the edit, and write what is new into a new step")
		}
	}
	for _, e := range p.strangers() {
		if _, known := p.catalog.index[e.ID]; !known && e.State == Succeeded && e.Checksum != "" {
			add(p.policy.Missing, e.ID, "missing", "it has run, and the code does not have it any more")
		}
	}
	for i := range p.catalog.ops {
		o := &p.catalog.ops[i]
		if newest != nil && o.op.Kind == Migration && o.at.Before(newest.at) && !isDone(p.of[i]) {
			add(p.policy.Late, o.op.ID, "late", fmt.Sprintf("%s of %s has run already", newest.op.ID, newest.at.Format(time.DateOnly)))
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return strings.Compare(a.ID, b.ID) })
	return found
}
