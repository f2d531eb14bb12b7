package middleware

// Tolerate lets ops fail that are allowed to: their failure is recorded and reported, and the
// run goes on. Without it AllowedToFail means nothing.
func Tolerate() Middleware { return Middleware{Name: "tolerate", Layer: LayerTolerate} }
