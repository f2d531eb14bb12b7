package seq

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/store"
)

// settings are what a sequencer was told beside its strategy.
type settings struct {
	environment string
	logger      *slog.Logger
	redact      func(text string) string
	retention   *store.Retention // nil: nothing is removed
}

// setting takes a part over.
func (s *settings) setting(p Part) error {
	switch p := p.(type) {
	case environmentPart:
		if name := string(p); name == "" || strings.TrimSpace(name) != name {
			return fmt.Errorf("%w: InEnvironment(%s): want a name without space around it", ErrInvalidOption, ident.Quoted(name))
		}
		s.environment = string(p)
	case loggerPart:
		s.logger = p.logger
	case redactPart:
		if p == nil {
			return fmt.Errorf("%w: Redact: the function is nil", ErrInvalidOption)
		}
		s.redact = p
	case retentionPart:
		keep := store.Retention(p)
		s.retention = &keep
		return validRetention("WithRetention", keep)
	}
	return nil
}

type environmentPart string

// SequencerPart implements [Part].
func (environmentPart) SequencerPart() {}

// InEnvironment says where the sequencer runs, as "production": an op that lists Environments runs only
// where one of them is this name, letter by letter. An empty name is refused by Run and Preview with an
// error that matches [ErrInvalidOption], so that a variable that is not set cannot pass for an environment.
func InEnvironment(name string) Part { return environmentPart(name) }

type loggerPart struct{ logger *slog.Logger }

// SequencerPart implements [Part].
func (loggerPart) SequencerPart() {}

// WithLogger sets what [Logger] writes to; nil, and the default, mean slog.Default() at that time. What
// happens in a run is logged by middleware.Log, and not by this.
func WithLogger(l *slog.Logger) Part { return loggerPart{l} }

type redactPart func(text string) string

// SequencerPart implements [Part].
func (redactPart) SequencerPart() {}

// Redact has the texts of errors, the reasons of skips, and the kept lines of [Logger] go through clean
// before they reach the ledger, an event (and so every log and page), or the report. What it returns stands
// in their place; errors still match, by errors.Is and errors.As, what they matched, and who unwraps one
// that far finds the text of old. What an op writes to its logger, that logger gets as it is.
//
// clean may be called from any goroutine, more than once for a text, and with a text that holds what it
// returned for another. If it panics, the text is withheld. A nil clean is refused by Run and Preview.
func Redact(clean func(text string) string) Part { return redactPart(clean) }
