package sim

import (
	"math/rand/v2"
	"strings"
)

// addHooks has some of the policies of a script ask the application before pods go. A replica
// that is to go last could hand over, and would be one still.
func (s *Script) addHooks(r *rand.Rand) {
	for i := range s.Moves {
		m := &s.Moves[i]
		if m.What != writePolicy || !strings.Contains(m.Text, "last="+primary+" ") {
			continue
		}
		m.Text += []string{"", "handOver ", "handOver=Continue ", "handOver inSync ", "inSync ", "inSync=Continue "}[r.IntN(6)]
	}
}
