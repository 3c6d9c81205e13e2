package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
)

// progress prints a line for each part that becomes ready and, on a terminal,
// keeps a last line that says what is being waited for.
type progress struct {
	out   *os.File
	live  bool
	said  map[string]bool
	began time.Time
}

func newProgress(out *os.File) *progress {
	return &progress{out: out, live: term.IsTerminal(int(out.Fd())), said: map[string]bool{}, began: time.Now()}
}

func (p *progress) show(s instance.State) {
	var waiting []string
	for _, part := range s.Parts {
		switch phase := supervisor.Phase(part.Phase); {
		case phase == supervisor.Starting:
			waiting = append(waiting, part.Name)
		case p.said[part.Name]:
		case phase == supervisor.Failed:
			p.line(part.Name, "  ✗ %-26s %s\n", part.Name, part.Detail)
		case phase == supervisor.Ready:
			p.line(part.Name, "  ✓ %-26s ready in %.1fs\n", part.Name, part.ReadyIn.Seconds())
		}
	}
	if p.live && len(waiting) > 0 {
		p.clear()
		fmt.Fprintf(p.out, "  … waiting for %s (%.0fs)", some(waiting), time.Since(p.began).Seconds())
	}
}

// some names a few: a line that wraps could not be drawn over.
func some(names []string) string {
	const few = 2
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// line says something about a part, once.
func (p *progress) line(part, format string, args ...any) {
	p.said[part] = true
	p.clear()
	fmt.Fprintf(p.out, format, args...)
}

// once says a sentence the first time it is called.
func (p *progress) once(sentence string) {
	if !p.said[sentence] {
		p.line(sentence, "%s\n", sentence)
	}
}

// clear removes the live line.
func (p *progress) clear() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func (p *progress) finish() { p.clear() }
