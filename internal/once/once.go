// Package once tells the operator what is wrong with a program, once in a process: it would show at every request.
package once

import (
	"context"
	"log/slog"
	"sync"
)

var told sync.Map // texts

// Log logs a text that it has not logged before. Texts are kept, so that nothing of a client's may be in them.
func Log(ctx context.Context, level slog.Level, text string) { About(ctx, level, text, text) }

// About logs a text unless one about the same was logged before. It is for texts of which there may be any number.
func About(ctx context.Context, level slog.Level, about, text string) {
	if _, again := told.LoadOrStore(about, nil); !again {
		slog.Log(ctx, level, text)
	}
}
