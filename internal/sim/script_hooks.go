package sim

import (
	"math/rand/v2"
	"strings"
)

// addHooks has some of the policies of a script ask the application before pods go. A replica
// that is to go last could hand over, and would be one still. Some controllers are restarted while
// pods hand over.
func (s *Script) addHooks(r *rand.Rand) {
	hands := map[string]bool{}
	for i := range s.Moves {
		m := &s.Moves[i]
		if m.What != writePolicy || !strings.Contains(m.Text, "last="+primary+" ") {
			continue
		}
		m.Text += []string{"", "handOver ", "handOver=Continue ", "handOver inSync ", "inSync ", "inSync=Continue "}[r.IntN(6)]
		hands[m.Set] = hands[m.Set] || strings.Contains(m.Text, "handOver")
	}
	for _, m := range s.Moves {
		if m.What != roll || !hands[m.Set] {
			continue
		}
		for range r.IntN(4) {
			s.Moves = append(s.Moves, Move{What: restart, Set: m.Set, At: min(m.At+seconds(r, 60), s.End-1)})
		}
	}
}
