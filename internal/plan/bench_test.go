package plan_test

import (
	"testing"

	"ordinal.dev/ordinal/internal/plan"
)

// BenchmarkMake plans for a set at rest, the most frequent case by far.
func BenchmarkMake(b *testing.B) {
	w := parseWorld(b, `
set: {spec: {replicas: 3, serviceName: peers, volumeClaimTemplates: [{metadata: {name: data}}]}}
template: B
history: [A, B]
current: B
claims: [data-web-0, data-web-1, data-web-2]
pods: [web-0 B ready, web-1 B ready, web-2 B ready]
`)
	s := w.snapshot(&testing.T{})
	b.ReportAllocs()
	for b.Loop() {
		plan.Make(s)
	}
}
