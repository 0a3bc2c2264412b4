// Package once tells the operator what is wrong with a program, once in a process: it would show at every request.
package once

import (
	"context"
	"log/slog"
	"sync"
)

var told sync.Map // texts

// Log logs a text that it has not logged before. Texts are kept, so that nothing of a client's may be in them.
func Log(ctx context.Context, level slog.Level, text string) {
	if _, again := told.LoadOrStore(text, nil); !again {
		slog.Log(ctx, level, text)
	}
}
