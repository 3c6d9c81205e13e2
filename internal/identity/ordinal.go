package identity

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
)

// PodName is the name of the pod with this ordinal: "web-2".
func PodName(set string, ordinal int) string {
	return set + "-" + strconv.Itoa(ordinal)
}

// Parse splits a pod's name into the set's name and the ordinal. ok is false
// for a name no set gives out: no number at the end, a number above 2147483647,
// or one with leading zeros ("web-01"). With a number, the set's name is there
// all the same.
func Parse(pod string) (set string, ordinal int, ok bool) {
	dash := strings.LastIndexByte(pod, '-')
	if dash <= 0 {
		return "", 0, false
	}
	digits := pod[dash+1:]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return pod[:dash], 0, false
	}
	return pod[:dash], int(n), true
}

// Ordinals is the half-open range of ordinals a set wants: Start, Start+1, …,
// Start+Count-1.
type Ordinals struct {
	Start, Count int
}

// OrdinalsOf returns the range that the set's spec asks for. An absent replica
// count means one, as the API server's defaulting has it.
func OrdinalsOf(set *appsv1.StatefulSet) Ordinals {
	r := Ordinals{Count: 1}
	if set.Spec.Replicas != nil {
		r.Count = int(*set.Spec.Replicas)
	}
	if set.Spec.Ordinals != nil {
		r.Start = int(set.Spec.Ordinals.Start)
	}
	return r
}

// End is the first ordinal past the range.
func (r Ordinals) End() int { return r.Start + r.Count }

// Contains reports whether the ordinal is wanted.
func (r Ordinals) Contains(ordinal int) bool {
	return ordinal >= r.Start && ordinal < r.End()
}
