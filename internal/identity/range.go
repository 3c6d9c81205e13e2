package identity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Range is some ordinals that follow each other, both ends included.
type Range struct{ First, Last int }

// ParseRange reads an ordinal, "5", or a range of them, "5-7".
func ParseRange(text string) (Range, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	r, ok := Range{}, true
	for _, end := range []struct {
		text string
		into *int
	}{{first, &r.First}, {last, &r.Last}} {
		n, err := strconv.ParseUint(end.text, 10, 63)
		ok = ok && err == nil && n <= math.MaxInt32 && strconv.FormatUint(n, 10) == end.text
		*end.into = int(n)
	}
	if !ok || r.First > r.Last {
		return Range{}, fmt.Errorf(`%q is neither an ordinal, such as "1", nor a range from the lower to the higher, such as "5-7"`, text)
	}
	return r, nil
}

// Contains reports whether the ordinal is one of them.
func (r Range) Contains(ordinal int) bool { return r.First <= ordinal && ordinal <= r.Last }

func (r Range) size() int { return r.Last - r.First + 1 }

// String is the range in words: "5 to 7".
func (r Range) String() string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return fmt.Sprintf("%d to %d", r.First, r.Last)
}
