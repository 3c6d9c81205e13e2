package machine

import "slices"

// Median is the middle of at least one value: of an even number, what lies between
// the two in the middle.
func Median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
