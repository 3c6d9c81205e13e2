package versions

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/arena"
	"ordinal.dev/ordinal/test/world"
)

const (
	// replicas are the pods of the set, one of which a roll-out replaces after the other.
	replicas = 3
	// quiet is how long controllers write nothing before they count as done.
	quiet = 1500 * time.Millisecond
)

// TestVersions takes a namespace from the in-tree controller of a version, rolls out, gives
// it back and rolls out again.
func TestVersions(t *testing.T) {
	for program, version := range map[string]string{"oldest": "v1.30.", "newest": "v1.37."} {
		t.Run(program, func(t *testing.T) {
			p := startPlane(t, "../../bin/"+program)
			if v, err := p.client.Discovery().ServerVersion(); err != nil || !strings.HasPrefix(v.GitVersion, version) {
				t.Fatalf("it is Kubernetes %v (%v), and not %s", v, err, version)
			}
			p.must(p.Fence(t.Context(), "../../install.yaml"))
			p.start("ordinal-controller", "../../bin/ordinal-controller", "--kubeconfig", p.Kubeconfig(arena.FencedKubeconfig),
				"--mode", fence.Fenced, "--namespace", arena.FencedNamespace, "--metrics-addr=", "--health-addr=")
			record, err := p.Record()
			p.must(err)
			v := &visit{world.New(t, p.client), p, record}
			v.inTree()
			v.taken()
			v.givenBack()
		})
	}
}

// A visit is a namespace with a set, on a control plane.
type visit struct {
	*world.World
	plane  *plane
	record *arena.Record
}

// inTree has the in-tree controller make the set.
func (v *visit) inTree() {
	v.Helper()
	labels := map[string]string{"app": "web"}
	_, err := v.Client.AppsV1().StatefulSets(v.Namespace).Create(v.Ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](replicas), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	v.Must(err)
	v.rest(1)
	v.wrote(arena.InTree)
}

// taken has Ordinal take the namespace, which restarts nothing, and roll out.
func (v *visit) taken() {
	v.Helper()
	v.Forget()
	v.Must(v.plane.Take(v.Ctx, v.Namespace))
	v.Must(v.plane.UntilStanding(v.Ctx, v.Namespace, fence.Acting))
	v.Eventually(func() error {
		if len(v.Set("web").Status.Conditions) == 0 {
			return errors.New("Ordinal has not said anything of the set")
		}
		return nil
	})
	v.NothingElseHappened()
	v.rollOut(2)
	v.wrote(arena.Fenced)
}

// givenBack has the in-tree controller go on.
func (v *visit) givenBack() {
	v.Helper()
	v.Must(v.plane.Mark(v.Ctx, v.Namespace, func(ns *corev1.Namespace) {
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, fence.LeavingAnnotation, fence.All)
	}))
	v.Must(v.plane.UntilStanding(v.Ctx, v.Namespace, fence.Left))
	v.Eventually(func() error {
		if c := v.Set("web").Status.Conditions; len(c) > 0 {
			return fmt.Errorf("the set still has the conditions %v", c)
		}
		return nil
	})
	v.NothingElseHappened()
	v.wrote(arena.Fenced)
	v.Must(v.plane.Mark(v.Ctx, v.Namespace, func(ns *corev1.Namespace) {
		delete(ns.Labels, fence.Label)
		delete(ns.Annotations, fence.LeavingAnnotation)
	}))
	v.rollOut(3)
	v.wrote(arena.InTree)
}

// rollOut changes the template, and sees each pod replaced once, the last one first.
func (v *visit) rollOut(generation int64) {
	v.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{"generation":"%d"}}}}}`, generation)
	_, err := v.Client.AppsV1().StatefulSets(v.Namespace).Patch(v.Ctx, "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	v.Must(err)
	v.rest(generation)
	for ordinal := replicas - 1; ordinal >= 0; ordinal-- {
		name := fmt.Sprintf("web-%d ", ordinal)
		v.Happens(name+"stopping", name+"gone", name+"created", name+"ready")
	}
	v.NothingElseHappened()
}

// rest waits until all pods are available and up to date.
func (v *visit) rest(generation int64) {
	v.Helper()
	v.Eventually(func() error {
		set := v.Set("web")
		if set == nil {
			return errors.New("web is not seen yet")
		}
		if s := set.Status; s.ObservedGeneration != generation || s.AvailableReplicas != replicas || s.UpdatedReplicas != replicas || s.CurrentRevision != s.UpdateRevision {
			return fmt.Errorf("web is not complete: %+v", s)
		}
		return nil
	})
}

// wrote expects that of the two controllers one alone has changed anything since it was last
// called.
func (v *visit) wrote(who string) {
	v.Helper()
	writes, err := v.record.UntilQuiet(v.Ctx, quiet)
	v.Must(err)
	stored, refused := 0, 0
	for _, w := range arena.WithoutRepeats(writes) {
		switch {
		case w.Namespace != v.Namespace || w.Dry:
		case w.User != who && w.Stored():
			v.Errorf("this is not in %s's charge: %s: %s", who, w.User, w)
		case w.Stored():
			stored++
		case w.User == arena.InTree:
			refused++
		}
	}
	if stored == 0 {
		v.Errorf("%s has changed nothing", who)
	}
	v.Logf("%s changed %d objects; %d writes of the in-tree controller were refused", who, stored, refused)
}
