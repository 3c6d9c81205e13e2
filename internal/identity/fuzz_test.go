package identity

import (
	"slices"
	"strings"
	"testing"
)

// FuzzParse takes any name for a pod's: what is made of it must give the name back.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"web-0", "web-01", "web-", "-1", "a-b-2147483647", "a-2147483648", "web--1", "web-1-", "wéb-3", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		set, ordinal, ok := Parse(name)
		if !ok {
			digits, numbered := strings.CutPrefix(name, set+"-")
			if ordinal != 0 || set != "" && (!numbered || digits == "" || strings.Trim(digits, "0123456789") != "") {
				t.Errorf("%q is no member's name, and yet of set %q with ordinal %d", name, set, ordinal)
			}
			return
		}
		if set == "" || ordinal < 0 || PodName(set, ordinal) != name {
			t.Errorf("%q is taken for ordinal %d of %q, whose name is %q", name, ordinal, set, PodName(set, ordinal))
		}
	})
}

// FuzzClaimSets takes any template, set and ordinal: the set must be among those
// that the name of its claim may be of, and all of these must be able to have it.
func FuzzClaimSets(f *testing.F) {
	f.Add("data", "web", uint32(0))
	f.Add("a-b", "c-d-0", uint32(12))
	f.Fuzz(func(t *testing.T, template, set string, n uint32) {
		ordinal := int(n >> 1)
		claim := ClaimName(template, set, ordinal)
		sets := ClaimSets(claim)
		if template != "" && set != "" && !slices.Contains(sets, set) {
			t.Errorf("%q is a claim of %q, and is taken for one of %q", claim, set, sets)
		}
		for _, s := range sets {
			if end := "-" + PodName(s, ordinal); s == "" || len(claim) <= len(end) || claim[len(claim)-len(end):] != end {
				t.Errorf("%q cannot be a claim of %q", claim, s)
			}
		}
	})
}
