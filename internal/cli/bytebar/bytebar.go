// Package bytebar shows how much of something was read: a bar that moves, on a
// terminal, and nothing at all elsewhere, so that logs hold whole lines only.
package bytebar

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	// every is how often the bar is drawn: often enough to look steady.
	every = 100 * time.Millisecond
	// width of the bar itself, which leaves room for a label on 80 columns.
	width = 24
)

// A Bar shows one reading. Report and Done are called by one goroutine.
type Bar struct {
	Out   io.Writer // a terminal, or nil to show nothing
	Label string
	Now   func() time.Time

	drawn time.Time
}

// Report says that this many bytes of that many were read; of 0 where the
// whole is not known.
func (b *Bar) Report(read, total int64) {
	now := b.Now()
	if b.Out == nil || now.Sub(b.drawn) < every {
		return
	}
	b.drawn = now
	if total == 0 {
		fmt.Fprintf(b.Out, "\r\x1b[K%s  %s", b.Label, Size(read))
		return
	}
	part := min(float64(read)/float64(total), 1)
	full := int(part * width)
	fmt.Fprintf(b.Out, "\r\x1b[K%s  %s%s %3.0f%%  %s of %s",
		b.Label, strings.Repeat("█", full), strings.Repeat("░", width-full), part*100, Size(read), Size(total))
}

// Done takes the bar away.
func (b *Bar) Done() {
	if b.Out != nil {
		fmt.Fprint(b.Out, "\r\x1b[K")
	}
}

// Size is a number of bytes as people read it, in powers of 1000.
func Size(bytes int64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	default:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
}
