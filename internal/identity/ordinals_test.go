package identity_test

import (
	"slices"
	"testing"

	"ordinal.dev/ordinal/internal/identity"
)

func TestReservedOrdinalsArePassedOver(t *testing.T) {
	for _, c := range []struct {
		start, count int
		reserved     []identity.Range
		want         []int
		next         int // the ordinal that one more would have
	}{
		{0, 3, nil, []int{0, 1, 2}, 3},
		{0, 3, ranges(1, 1), []int{0, 2, 3}, 4},
		{0, 3, ranges(0, 0), []int{1, 2, 3}, 4},
		{0, 3, ranges(3, 3), []int{0, 1, 2}, 4},
		{0, 3, ranges(7, 9), []int{0, 1, 2}, 3},
		{0, 3, ranges(1, 1, 3, 3), []int{0, 2, 4}, 5},
		{0, 3, ranges(3, 3, 1, 1), []int{0, 2, 4}, 5},
		{0, 3, ranges(1, 2, 2, 3), []int{0, 4, 5}, 6},
		{0, 3, ranges(1, 2, 3, 3), []int{0, 4, 5}, 6},
		{0, 3, ranges(0, 5, 1, 2), []int{6, 7, 8}, 9},
		{5, 2, ranges(0, 5), []int{6, 7}, 8},
		{5, 2, ranges(0, 4), []int{5, 6}, 7},
		{0, 0, ranges(0, 1), nil, 2},
		{0, 1, ranges(0, 999999999), []int{1000000000}, 1000000001},
	} {
		o := identity.Ordinals{Start: c.start, Count: c.count}.Without(c.reserved...)
		if got := slices.Collect(o.All()); !slices.Equal(got, c.want) {
			t.Errorf("%d from %d without %v: %v, want %v", c.count, c.start, c.reserved, got, c.want)
		}
		for i, want := range c.want {
			if got := o.Nth(i); got != want || !o.Contains(got) {
				t.Errorf("%d from %d without %v: Nth(%d) = %d, which Contains says %t of; want %d", c.count, c.start, c.reserved, i, got, o.Contains(got), want)
			}
		}
		if got := o.Nth(c.count); got != c.next || o.Contains(got) {
			t.Errorf("%d from %d without %v: the next is %d, want %d", c.count, c.start, c.reserved, got, c.next)
		}
		for ordinal := range 12 {
			if got := o.Contains(ordinal); got != slices.Contains(c.want, ordinal) {
				t.Errorf("%d from %d without %v: Contains(%d) = %t", c.count, c.start, c.reserved, ordinal, got)
			}
		}
		if n := len(c.want); n > 0 && o.End() != c.want[n-1]+1 {
			t.Errorf("%d from %d without %v: End() = %d", c.count, c.start, c.reserved, o.End())
		}
	}
}

// ranges are given by their ends.
func ranges(ends ...int) (all []identity.Range) {
	for pair := range slices.Chunk(ends, 2) {
		all = append(all, identity.Range{First: pair[0], Last: pair[1]})
	}
	return all
}

func TestReservedTwiceIsReservedOnce(t *testing.T) {
	o := identity.Ordinals{Count: 3}.Without(ranges(1, 1)...).Without(ranges(1, 2)...)
	if got := slices.Collect(o.All()); !slices.Equal(got, []int{0, 3, 4}) {
		t.Errorf("%v", got)
	}
}

func TestGapsAreBelowTheHighestOrdinal(t *testing.T) {
	o := identity.Ordinals{Count: 3}.Without(ranges(1, 1, 3, 3, 7, 9)...)
	if got := o.Gaps(); !slices.Equal(got, ranges(1, 1, 3, 3)) {
		t.Errorf("%v", got)
	}
}

func TestRangesAreRead(t *testing.T) {
	for text, want := range map[string]identity.Range{
		"0": {}, "7": {First: 7, Last: 7}, "5-7": {First: 5, Last: 7}, "5-5": {First: 5, Last: 5},
		"0-2147483647": {Last: 2147483647},
	} {
		if got, err := identity.ParseRange(text); err != nil || got != want {
			t.Errorf("ParseRange(%q) = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "a", "-1", "1-", "01", "1-02", "7-5", "1-2-3", " 1", "+1", "2147483648", "0-99999999999999999999"} {
		if got, err := identity.ParseRange(text); err == nil {
			t.Errorf("ParseRange(%q) = %+v, want an error", text, got)
		}
	}
}
