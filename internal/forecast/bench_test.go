package forecast_test

import (
	"fmt"
	"testing"

	"ordinal.dev/ordinal/internal/forecast"
)

// A roll-out of a set with this many pods takes three plans a pod, each of which looks at
// all of them.
func BenchmarkRollOut(b *testing.B) {
	for _, pods := range []int32{100, 1000} {
		b.Run(fmt.Sprint(pods), func(b *testing.B) {
			t := &testing.T{}
			s := parse(t, `{image: A, history: [A], change: {spec: {template: {spec: {containers: [{name: app, image: "app:B"}]}}}}}`)
			s.Set.Spec.Replicas = &pods
			for i := range pods {
				s.Pods = append(s.Pods, fmt.Sprintf("web-%d A ready", i))
			}
			c, _ := s.change(t)
			for b.Loop() {
				if f := forecast.Run(c); !f.Finishes || len(f.Restarted) != int(pods) {
					b.Fatal(f.String())
				}
			}
		})
	}
}
