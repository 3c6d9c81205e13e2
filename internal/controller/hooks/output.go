package hooks

import (
	"strings"
	"sync"
)

// mostOutput is how much is kept of what a hook prints: of its beginning, and of its end.
const mostOutput = 4096

// clipped keeps the beginning and the end of what is written to it.
type clipped struct {
	mu         sync.Mutex
	head, tail []byte
}

// Write implements io.Writer, and takes everything.
func (c *clipped) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := mostOutput - len(c.head); room > 0 {
		c.head = append(c.head, p[:min(room, len(p))]...)
	}
	c.tail = append(c.tail, p...)
	if len(c.tail) > mostOutput {
		c.tail = append([]byte(nil), c.tail[len(c.tail)-mostOutput:]...)
	}
	return len(p), nil
}

func (c *clipped) firstWord() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if words := strings.Fields(strings.ToValidUTF8(string(c.head), "")); len(words) > 0 {
		return words[0]
	}
	return ""
}

// lastLine is the last line that says something.
func (c *clipped) lastLine() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(c.tail), "")), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
