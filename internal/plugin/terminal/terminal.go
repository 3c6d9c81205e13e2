// Package terminal tells a person what a command does and what it waits for. On a
// terminal the last lines are drawn over; elsewhere a line is written whenever it says
// something new, with the time since the beginning.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A Screen is where lines are written to and, on a terminal, drawn over.
type Screen struct {
	out   io.Writer
	began time.Time
	fd    int // of the terminal; -1 for none
	drawn []string
	last  string // said elsewhere
}

// New is a screen that begins now.
func New(out io.Writer) *Screen {
	s := &Screen{out: out, began: time.Now(), fd: -1}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.fd = int(f.Fd())
	}
	return s
}

// Live reports whether what is drawn can be drawn over.
func (s *Screen) Live() bool { return s.fd >= 0 }

// Elapsed is the time since the beginning.
func (s *Screen) Elapsed() time.Duration { return time.Since(s.began) }

// Say writes a line that stays, unless it says what the last one did.
func (s *Screen) Say(line string) {
	if line == s.last {
		return
	}
	s.last = line
	if s.Live() {
		s.Draw(nil)
		fmt.Fprintln(s.out, line)
		return
	}
	fmt.Fprintf(s.out, "%5.1fs  %s\n", s.Elapsed().Seconds(), line)
}

// Wait says what is waited for, on a terminal in a line that goes.
func (s *Screen) Wait(words string) {
	if !s.Live() {
		s.Say("… " + words)
		return
	}
	s.Draw([]string{fmt.Sprintf("… %s (%.0fs)", words, s.Elapsed().Seconds())})
}

// Note replaces the last of the lines that are drawn; elsewhere it is said.
func (s *Screen) Note(words string) {
	if !s.Live() {
		s.Say(words)
		return
	}
	kept := s.drawn[:max(0, len(s.drawn)-1)]
	s.Draw(append(kept[:len(kept):len(kept)], "  "+words))
}

// Draw replaces the lines drawn before. They are cut at the terminal's width: a wrapped
// one would make the count wrong.
func (s *Screen) Draw(lines []string) {
	if !s.Live() || len(lines) == 0 && len(s.drawn) == 0 {
		return
	}
	width, _, err := term.GetSize(s.fd)
	if err != nil || width <= 0 {
		width = 80
	}
	var b strings.Builder
	if len(s.drawn) > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", len(s.drawn))
	}
	for _, line := range lines {
		if cut := []rune(line); len(cut) > width {
			line = string(cut[:width])
		}
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	s.drawn = lines
	fmt.Fprint(s.out, b.String())
}
