package integration

import (
	"strings"
	"testing"
)

// A chart's value is all that grows claims, with either Helm: the one makes a three-way
// merge, the other applies on the server.
func TestHelmUpgradesClaimTemplates(t *testing.T) {
	for program, goesBack := range map[string]bool{"helm3": false, "helm": true} {
		t.Run(program, func(t *testing.T) {
			w := accepting(t)
			upgrade := func(set string) error {
				return w.runsHelm(program, "upgrade", "--install", "web", "testdata/chart", "--set", set)
			}
			w.Must(upgrade("size=1Gi"))
			w.Must(upgrade("size=2Gi"))
			w.Must(wants(w.stored(), two))
			w.Must(upgrade("size=2Gi,image=web:2"))
			w.says("scale", "sts/web", "--replicas=0") // no replicas of the chart's
			w.Must(upgrade("size=2Gi,image=web:3"))
			set := w.stored()
			w.Must(wants(set, two))
			if image := set.Spec.Template.Spec.Containers[0].Image; image != "web:3" || *set.Spec.Replicas != 0 {
				t.Errorf("it has %d replicas of %s", *set.Spec.Replicas, image)
			}
			w.Must(refused(upgrade("size=2Gi,accessMode=ReadWriteMany"), `claim template "data" cannot change in accessModes`))
			w.Must(wants(w.stored(), two))
			w.Must(upgrade("size=3Gi"))
			w.Must(wants(w.stored(), strings.Replace(two, "2Gi", "3Gi", 1)))

			// Helm 3 sends what differs from the set, and so nothing.
			w.Must(w.runsHelm(program, "rollback", "web", "1"))
			record := ""
			if !goesBack {
				record = strings.Replace(two, "2Gi", "3Gi", 1)
			}
			w.Must(wants(w.stored(), record))
		})
	}
}
