package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/test/rig"
	"ordinal.dev/ordinal/test/world"
)

// A cluster whose StatefulSets are not Ordinal's says so at every start, and how to mend
// it.
func TestAClusterWithoutOrdinalsControllerSaysSo(t *testing.T) {
	c := rig.Cluster{Binary: lab.Binary, Dir: rig.Dir(t)}
	up := []string{"up", "--kubeconfig", "", "--nodes", "simulated", "--api-port", "0"}
	t.Cleanup(func() { c.Run(t, "down") })
	for flag, line := range map[string]string{
		"--no-controller":                  "no StatefulSet controller runs", // which is deprecated
		"--statefulset-controller=none":    "no StatefulSet controller runs",
		"--statefulset-controller=in-tree": "the in-tree StatefulSet controller runs, and not Ordinal's",
	} {
		c.Run(t, append(up, flag)...)
		c.Run(t, "down")
		for _, args := range [][]string{up, up, {"status"}} { // the second one finds it up
			if said := c.Run(t, args...); strings.Count(said, line) != 1 || !strings.Contains(said, "up --statefulset-controller ordinal") {
				t.Errorf("after %s `ordinal %s` does not say in a line that %s, and the way back:\n%s", flag, args[0], line, said)
			}
		}
		c.Run(t, "down")
	}
	c.Run(t, append(up, "--statefulset-controller", "ordinal")...)
	if said := c.Run(t, "status"); strings.Contains(said, "StatefulSet controller runs") || !strings.Contains(said, "ordinal-controller") {
		t.Errorf("the controller is not back:\n%s", said)
	}
}

// The in-tree controller that a cluster of ours can have acts as it does elsewhere: as its
// own account, by which the API server tells it from all others.
func TestTheInTreeControllerCanRunInItsPlace(t *testing.T) {
	c := rig.Cluster{Binary: lab.Binary, Dir: rig.Dir(t)}
	t.Cleanup(func() { c.Run(t, "down") })
	c.Run(t, "up", "--kubeconfig", "", "--nodes", "simulated", "--api-port", "0", "--statefulset-controller", "in-tree")
	client, err := c.Client(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w := world.New(t, client)
	labels := map[string]string{"app": "web"}
	_, err = client.AppsV1().StatefulSets(w.Namespace).Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
			},
		},
	}, metav1.CreateOptions{})
	w.Must(err)
	w.Eventually(func() error {
		if set := w.Set("web"); set == nil || set.Status.AvailableReplicas != 1 {
			return errors.New("web has no pod that is available")
		}
		return nil
	})
	if conditions := w.Set("web").Status.Conditions; len(conditions) > 0 {
		t.Errorf("conditions are Ordinal's, and the set has %+v", conditions)
	}
	for _, m := range w.Pod("web-0").ManagedFields {
		if m.Manager == plan.FieldManager {
			t.Errorf("%s has written the pod", m.Manager)
		}
	}
}
