package middleware

import "github.com/sequencer-go/seq"

// Tolerate lets ops fail that are allowed to: their failure is recorded and reported, and the
// run goes on. Without it AllowedToFail means nothing.
func Tolerate() seq.Middleware { return seq.Sequential().Middleware[1] }
