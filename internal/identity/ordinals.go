package identity

import (
	"cmp"
	"iter"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// Ordinals are those that a set wants: the first Count of Start, Start+1, … that are not
// reserved. Nothing here takes longer, or more memory, for more of them, but to go through
// All.
type Ordinals struct {
	Start, Count int

	reserved []Range // from Start on, in order, with ordinals between them
	skipped  int     // how many of the reserved are below End
}

// OrdinalsOf returns the ordinals that the set's spec asks for, with none reserved. An
// absent replica count means one, as the API server's defaulting has it.
func OrdinalsOf(set *appsv1.StatefulSet) Ordinals {
	o := Ordinals{Count: 1}
	if set.Spec.Replicas != nil {
		o.Count = int(*set.Spec.Replicas)
	}
	if set.Spec.Ordinals != nil {
		o.Start = int(set.Spec.Ordinals.Start)
	}
	return o
}

// Without is as many ordinals, none of which is in one of the ranges.
func (o Ordinals) Without(ranges ...Range) Ordinals {
	free := Ordinals{Start: o.Start, Count: o.Count}
	sorted := slices.Concat(o.reserved, ranges)
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	for _, r := range sorted {
		if r.First = max(r.First, o.Start); r.Last < r.First {
			continue
		}
		if n := len(free.reserved); n > 0 && r.First <= free.reserved[n-1].Last+1 {
			free.reserved[n-1].Last = max(free.reserved[n-1].Last, r.Last)
		} else {
			free.reserved = append(free.reserved, r)
		}
	}
	for _, r := range free.reserved {
		if r.First >= free.End() {
			break
		}
		free.skipped += r.size()
	}
	return free
}

// End is the first ordinal past the highest.
func (o Ordinals) End() int { return o.Start + o.Count + o.skipped }

// Contains reports whether the ordinal is wanted.
func (o Ordinals) Contains(ordinal int) bool {
	return ordinal >= o.Start && ordinal < o.End() && !o.Reserves(ordinal)
}

// Reserves reports whether the ordinal is reserved.
func (o Ordinals) Reserves(ordinal int) bool {
	return slices.ContainsFunc(o.reserved, func(r Range) bool { return r.Contains(ordinal) })
}

// Gaps are the reserved ordinals below the highest that is wanted, in order.
func (o Ordinals) Gaps() []Range {
	n := 0
	for n < len(o.reserved) && o.reserved[n].First < o.End() {
		n++
	}
	return o.reserved[:n]
}

// Nth is the ordinal that has n wanted ones before it. From Count on, it is one that would
// be wanted if there were more.
func (o Ordinals) Nth(n int) int {
	ordinal := o.Start + n
	for _, r := range o.reserved {
		if r.First > ordinal {
			break
		}
		ordinal += r.size()
	}
	return ordinal
}

// All goes through the wanted ordinals, the lowest first.
func (o Ordinals) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		reserved := o.reserved
		for ordinal := o.Start; ordinal < o.End(); ordinal++ {
			if len(reserved) > 0 && ordinal == reserved[0].First {
				ordinal, reserved = reserved[0].Last, reserved[1:]
			} else if !yield(ordinal) {
				return
			}
		}
	}
}
