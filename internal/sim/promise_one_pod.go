package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var oneRunningPod = promise{
	sentence: "Of one ordinal at most one pod runs, whatever the API server knows of its node.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if pod, ok := e.Object.(*corev1.Pod); ok && by == nil && e.Type == deleted && e.Old.GetDeletionTimestamp() == nil {
			j.dropped[pod.UID] = true
		}
		return ""
	},
	step: func(j *judge) string {
		if len(j.w.nodes) < 2 {
			return ""
		}
		where := map[string]types.UID{}
		for _, n := range j.w.nodes {
			for name, c := range n.containers {
				if j.dropped[c.uid] {
					continue
				}
				if other, runs := where[name]; runs && other != c.uid {
					return fmt.Sprintf("two pods %s run, one of them on %s", name, n.name)
				}
				where[name] = c.uid
			}
		}
		return ""
	},
}
