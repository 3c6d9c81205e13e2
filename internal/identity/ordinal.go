package identity

import (
	"strconv"
	"strings"
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
