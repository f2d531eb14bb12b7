package seq

import (
	"github.com/sequencer-go/seq/store"
	"sync"
)

// paper is what a call says to the ledger, as a batch wants it. It is used again.
type paper struct {
	claim [1]store.Claim
	end   [1]store.Outcome
}

// write gives the call a paper with the claim that opens the attempt.
func (c *Call) write(claim store.Claim) {
	c.paper, _ = papers.Get().(*paper)
	c.paper.claim[0], c.token, c.nth = claim, claim.Token, int32(claim.Generation)
}

// file gives the paper back, when nobody reads it any more.
func (c *Call) file() {
	if c.paper != nil {
		papers.Put(c.paper)
		c.paper = nil
	}
}

var papers = sync.Pool{New: func() any { return new(paper) }}
