package takeover

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/test/world"
)

// objects are what a controller makes of sets, as text, by kind and name.
type objects map[string]string

// exactly is everything in the namespace, to the last bit. It tells whether
// anything was touched.
func exactly(w *world.World) objects {
	all := objects{}
	for _, pod := range w.Pods() {
		all.add("pod", pod.Name, pod)
	}
	for _, claim := range w.Claims() {
		all.add("claim", claim.Name, claim)
	}
	for _, revision := range w.Revisions() {
		all.add("revision", revision.Name, revision)
	}
	return all
}

// made is everything in the namespace without what differs from one cluster, or
// one namespace, to the next. It tells whether two controllers make the same.
func made(w *world.World) objects {
	all := objects{}
	for _, pod := range w.Pods() {
		all.add("pod", pod.Name, &corev1.Pod{ObjectMeta: metadata(pod), Spec: podSpec(pod)})
	}
	for _, claim := range w.Claims() {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metadata(claim), Spec: *claim.Spec.DeepCopy()}
		claim.Spec.VolumeName = ""
		// The binder's notes name the node.
		maps.DeleteFunc(claim.Annotations, func(key, _ string) bool { return strings.Contains(key, "kubernetes.io/") })
		all.add("claim", claim.Name, claim)
	}
	for name, revision := range revisions(w) {
		all[name] = revision
	}
	return all
}

// revisions is made, of the revisions alone.
func revisions(w *world.World) objects {
	all := objects{}
	for _, r := range w.Revisions() {
		all.add("revision", r.Name, &appsv1.ControllerRevision{ObjectMeta: metadata(r), Data: r.Data, Revision: r.Revision})
	}
	return all
}

func (o objects) add(kind, name string, object any) {
	text, err := yaml.Marshal(object)
	if err != nil {
		panic(err) // it came from the API server
	}
	o[kind+" "+name] = string(text)
}

// mustEqual fails for each object that the two do not have in common.
func mustEqual(t *testing.T, what string, want, got objects) {
	t.Helper()
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("%s: %s differs:\n%s", what, name, diff)
		}
	}
}

func metadata(o metav1.Object) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Name: o.GetName(), GenerateName: o.GetGenerateName(),
		Labels: o.GetLabels(), Annotations: maps.Clone(o.GetAnnotations()), Finalizers: o.GetFinalizers(),
	}
	for _, owner := range o.GetOwnerReferences() {
		owner.UID = ""
		meta.OwnerReferences = append(meta.OwnerReferences, owner)
	}
	return meta
}

// podSpec is the spec without the node, and without the token that the API
// server mounts under a random name. Volumes are sorted: the in-tree controller
// adds those of claims in the order of a map.
func podSpec(pod *corev1.Pod) corev1.PodSpec {
	const token = "kube-api-access-"
	spec := *pod.Spec.DeepCopy()
	spec.NodeName = ""
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, token) })
	slices.SortFunc(spec.Volumes, func(a, b corev1.Volume) int { return strings.Compare(a.Name, b.Name) })
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			containers[i].VolumeMounts = slices.DeleteFunc(containers[i].VolumeMounts,
				func(m corev1.VolumeMount) bool { return strings.HasPrefix(m.Name, token) })
		}
	}
	return spec
}
