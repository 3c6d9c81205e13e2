package sim

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
)

var oneRunningPod = promise{
	sentence: "Of one ordinal at most one pod runs, whatever the API server knows of its node.",
	step: func(j *judge) string {
		if len(j.w.nodes) < 2 {
			return ""
		}
		where := map[string]types.UID{}
		for _, n := range j.w.nodes {
			for name, c := range n.containers {
				if other, runs := where[name]; runs && other != c.uid {
					return fmt.Sprintf("two pods %s run, one of them on %s", name, n.name)
				}
				where[name] = c.uid
			}
		}
		return ""
	},
}
