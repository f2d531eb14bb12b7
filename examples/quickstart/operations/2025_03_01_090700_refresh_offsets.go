package operations

import (
	"context"
	"time"

	"github.com/sequencer-go/seq"
)

// Not now: at the next 02:00 UTC, the offsets of that night, summer time included. Whichever run
// comes first after that does it. It has no Rollback, and a plan of transactional-batch says so.
func init() {
	seq.Register(seq.Op{
		DependsOn: []string{"2025_03_01_090500_compute_offsets"},
		ExecuteAt: seq.NextAt(2, 0, time.UTC),
		Run:       func(ctx context.Context) error { return writeOffsets(ctx, time.Now()) },
	})
}
