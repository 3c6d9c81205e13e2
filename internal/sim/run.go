package sim

import (
	"fmt"
	"strings"
	"time"
)

// Result is how a history ended.
type Result struct {
	Script    Script
	Violation *Violation // nil if every promise was kept
	Counts    Counts
}

// Run plays a script to its end.
func Run(script Script) Result { return play(script, nil) }

func play(script Script, told *story) Result {
	w := newWorld(script, told)
	w.run(script.End + settling)
	if w.judge.broken == nil {
		w.judge.rest()
	}
	return Result{Script: script, Violation: w.judge.broken, Counts: w.counts}
}

// Tell plays a script again and returns its history in words.
func Tell(script Script) string {
	told := &story{}
	result := play(script, told)
	ending := "Every promise was kept."
	if result.Violation != nil {
		ending = result.Violation.String()
	}
	return fmt.Sprintf("%s\n%s\n\n%s\n", script, strings.Join(told.lines, "\n"), ending)
}

// mostTries bounds the runs that shrinking a script takes.
const mostTries = 400

// Shrink looks for the shortest script that breaks the same promise: it leaves
// out faults, moves and nodes as long as the promise is still broken.
func Shrink(broken Result) Result {
	tries := 0
	for smaller := true; smaller && tries < mostTries; {
		smaller = false
		for _, script := range simpler(broken) {
			if tries++; tries > mostTries {
				break
			}
			result := Run(script)
			if result.Violation != nil && result.Violation.Promise == broken.Violation.Promise {
				broken, smaller = result, true
				break
			}
		}
	}
	return broken
}

// simpler lists scripts that are simpler in one way each, the much simpler ones
// first.
func simpler(r Result) []Script {
	var all []Script
	add := func(change func(*Script)) {
		s := r.Script
		s.Moves = append([]Move(nil), s.Moves...)
		change(&s)
		all = append(all, s)
	}
	moves := len(r.Script.Moves)
	if r.Violation.At < r.Script.End {
		add(func(s *Script) { s.Moves = before(s.Moves, r.Violation.At) })
		if len(all[0].Moves) == moves {
			all = nil
		}
	}
	for half := moves / 2; half > 0; half /= 2 {
		for from := 0; from+half <= moves; from += half {
			add(func(s *Script) { s.Moves = append(s.Moves[:from], s.Moves[from+half:]...) })
		}
	}
	f := r.Script.Faults
	fewer := []Faults{{}}
	for kind := range faultKinds {
		fewer = append(fewer, withOut(f, kind))
	}
	for _, without := range fewer {
		if without != f {
			add(func(s *Script) { s.Faults = without })
		}
	}
	if r.Script.Fenced {
		add(func(s *Script) { s.Fenced = false })
	}
	if r.Script.Nodes > 1 {
		add(func(s *Script) { s.Nodes-- })
	}
	return all
}

// before keeps the moves up to a time.
func before(moves []Move, t time.Duration) []Move {
	for i, m := range moves {
		if m.At > t {
			return moves[:i]
		}
	}
	return moves
}

// faultKinds is how many kinds of faults there are.
const faultKinds = 9

// withOut is the faults without those of one kind.
func withOut(f Faults, kind int) Faults {
	for i, rate := range []*int{&f.Refused, &f.TimedOut, &f.Lost, &f.Crash, &f.Reconnects, &f.Stubborn} {
		if i == kind {
			*rate = 0
		}
	}
	switch kind {
	case 6:
		f.Lag = 0
	case 7:
		f.Past = 0
	case 8:
		f.Slow = 0
	}
	return f
}
