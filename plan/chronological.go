package plan

import "context"

// Chronological plans migrations and operations interleaved, in the order of their timestamps,
// each in a wave of its own. An op that depends on a later one moves behind it.
func Chronological() Planner { return Func(chronological) }

func chronological(_ context.Context, in Input) (*Plan, error) {
	p := in.Arrange(in.Order(nil))
	for i := range p.Steps {
		p.Steps[i].Wave = i
		if i > 0 {
			p.Steps[i].After = appendOnce(p.Steps[i].After, i-1)
		}
	}
	return p, nil
}
