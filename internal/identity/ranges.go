package identity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mostInRanges is how many ordinals Ranges have that are read: more than there are pods anywhere.
const mostInRanges = 1 << 20

// Ranges are some ordinals, as ranges in order with others between them. As text they are
// "0-2,5".
type Ranges []Range

// Contains reports whether the ordinal is one of them.
func (rs Ranges) Contains(ordinal int) bool {
	_, found := rs.search(ordinal)
	return found
}

// search finds the range that has an ordinal, or before which it would be.
func (rs Ranges) search(ordinal int) (at int, found bool) {
	return slices.BinarySearchFunc(rs, ordinal, func(r Range, ordinal int) int {
		switch {
		case r.Last < ordinal:
			return -1
		case r.First > ordinal:
			return 1
		}
		return 0
	})
}

// With are these ordinals and one more.
func (rs Ranges) With(ordinal int) Ranges {
	at, found := rs.search(ordinal)
	if found {
		return rs
	}
	all := slices.Insert(slices.Clone(rs), at, Range{ordinal, ordinal})
	if at+1 < len(all) && all[at+1].First == ordinal+1 {
		all[at].Last = all[at+1].Last
		all = slices.Delete(all, at+1, at+2)
	}
	if at > 0 && all[at-1].Last == ordinal-1 {
		all[at-1].Last = all[at].Last
		all = slices.Delete(all, at, at+1)
	}
	return all
}

// Without are these ordinals but one.
func (rs Ranges) Without(ordinal int) Ranges {
	at, found := rs.search(ordinal)
	if !found {
		return rs
	}
	before, after := Range{rs[at].First, ordinal - 1}, Range{ordinal + 1, rs[at].Last}
	left := slices.DeleteFunc([]Range{before, after}, func(r Range) bool { return r.First > r.Last })
	return slices.Replace(slices.Clone(rs), at, at+1, left...)
}

// All lists the ordinals in order.
func (rs Ranges) All() []int {
	var all []int
	for _, r := range rs {
		for ordinal := r.First; ordinal <= r.Last; ordinal++ {
			all = append(all, ordinal)
		}
	}
	return all
}

// MarshalText is "0-2,5".
func (rs Ranges) MarshalText() ([]byte, error) {
	var words []string
	for _, r := range rs {
		word := strconv.Itoa(r.First)
		if r.Last > r.First {
			word += "-" + strconv.Itoa(r.Last)
		}
		words = append(words, word)
	}
	return []byte(strings.Join(words, ",")), nil
}

// UnmarshalText reads what MarshalText writes.
func (rs *Ranges) UnmarshalText(text []byte) error {
	*rs = nil
	if len(text) == 0 {
		return nil
	}
	size := 0
	for word := range strings.SplitSeq(string(text), ",") {
		r, err := ParseRange(word)
		if err != nil {
			return err
		}
		if size += r.size(); size > mostInRanges || len(*rs) > 0 && r.First <= (*rs)[len(*rs)-1].Last+1 {
			return fmt.Errorf("%q is not in order, or of more than %d ordinals", text, mostInRanges)
		}
		*rs = append(*rs, r)
	}
	return nil
}
