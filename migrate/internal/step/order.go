package step

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
)

// CompareVersions compares numbers of any length.
func CompareVersions(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// InOrder makes each op that its ID would put before an earlier one depend on the one before it, so
// that ops which stand in their tool's order run in it.
func InOrder(ops []seq.Op) {
	last := -1 // of those so far, the one with the latest ID
	for i := range ops {
		if last >= 0 && comesBefore(ops[i].ID, ops[last].ID) {
			if !slices.Contains(ops[i].DependsOn, ops[i-1].ID) {
				ops[i].DependsOn = append(ops[i].DependsOn, ops[i-1].ID)
			}
			continue
		}
		last = i
	}
}

func comesBefore(a, b string) bool {
	at, _, _ := seq.ParseID(a)
	bt, _, _ := seq.ParseID(b)
	return cmp.Or(at.Compare(bt), strings.Compare(a, b)) < 0
}
