package plan

import (
	"fmt"

	"github.com/sequencer-go/seq/internal/enum"
)

// Policy is what to do about a finding.
type Policy uint8

// The policies.
const (
	Warn  Policy = iota // show it in the plan, and run
	Fail                // refuse to run; the error matches seq.ErrDrift
	Allow               // say nothing
)

var policyNames = [...]string{"warn", "fail", "allow"}

// String is "warn", "fail" or "allow".
func (p Policy) String() string { return enum.Name(policyNames[:], p) }

// ParsePolicy is the inverse of String. It fails with an error matching store.ErrUnknownValue.
func ParsePolicy(s string) (Policy, error) { return enum.Parse[Policy](policyNames[:], s, "policy") }

// MarshalText writes the policy as its name.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the policy from its name, as [ParsePolicy] does.
func (p *Policy) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePolicy(string(text))
	return err
}

// A Finding is one place where code and ledger differ.
type Finding struct {
	ID     string // of the op; of a tag that nothing has, the tag; of a run that has no end, the run's
	Kind   string // "changed", "missing", "renamed", "late", "unknown" (to this library), of a tag "unused", of a run "unfinished"
	Detail string
	Policy Policy
}

// String is a line on the finding, that begins with the policy.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s is %s: %s", f.Policy, f.ID, f.Kind, f.Detail)
}
