package integration

import (
	"fmt"
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/test/world"
)

// A scene is a test's namespace, and what the test does there: the API calls
// that kubectl would make.
type scene struct{ *world.World }

// newScene gives a test a namespace and lets it run beside the others.
func newScene(t *testing.T) *scene {
	t.Parallel()
	return &scene{world.New(t, admin)}
}

// An edit changes a set, before it is created or afterwards.
type edit func(*appsv1.StatefulSet)

// web is the set that most tests are about: the specification's manifest in
// small, with a mount of the claim.
func web(edits ...edit) *appsv1.StatefulSet {
	labels := map[string]string{"app": "web"}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.StatefulSetSpec{
			Replicas:    ptr.To[int32](3),
			ServiceName: "peers",
			Selector:    &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{}},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "web", Image: "web:1",
					Ports:        []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
					VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
				}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources: corev1.VolumeResourceRequirements{
						Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
					},
				},
			}},
		},
	}
	for _, e := range edits {
		e(set)
	}
	return set
}

func replicas(n int32) edit {
	return func(s *appsv1.StatefulSet) { s.Spec.Replicas = &n }
}

func image(name string) edit {
	return func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = name }
}

func parallel(s *appsv1.StatefulSet) { s.Spec.PodManagementPolicy = appsv1.ParallelPodManagement }

// simulated makes the pods of a set behave in one of package simnode's ways.
func simulated(state string) edit {
	return func(s *appsv1.StatefulSet) { s.Spec.Template.Annotations[simnode.StateAnnotation] = state }
}

// stubborn makes pods that are deleted stay until the test lets them go.
func stubborn(s *appsv1.StatefulSet) {
	s.Spec.Template.Annotations[simnode.TerminateAfterAnnotation] = simnode.TerminateNever
}

func (w *scene) create(set *appsv1.StatefulSet) {
	w.Helper()
	_, err := w.Client.AppsV1().StatefulSets(w.Namespace).Create(w.Ctx, set, metav1.CreateOptions{})
	w.Must(err)
}

// createFile creates the set that a manifest describes.
func (w *scene) createFile(path string) *appsv1.StatefulSet {
	w.Helper()
	set := w.readFile(path)
	w.create(set)
	return set
}

func (w *scene) readFile(path string) *appsv1.StatefulSet {
	w.Helper()
	manifest, err := os.ReadFile(path)
	w.Must(err)
	set := &appsv1.StatefulSet{}
	w.Must(yaml.UnmarshalStrict(manifest, set))
	return set
}

// change edits the set called web, whoever else writes it.
func (w *scene) change(edits ...edit) {
	w.Helper()
	sets := w.Client.AppsV1().StatefulSets(w.Namespace)
	var generation int64
	w.Must(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		set, err := sets.Get(w.Ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if set.Spec.Template.Annotations == nil {
			set.Spec.Template.Annotations = map[string]string{}
		}
		for _, e := range edits {
			e(set)
		}
		set, err = sets.Update(w.Ctx, set, metav1.UpdateOptions{})
		if err == nil {
			generation = set.Generation
		}
		return err
	}))
	// What the test sees next may otherwise be the set as it was before.
	w.Eventually(func() error {
		if seen := w.Set("web"); seen != nil && seen.Generation < generation {
			return fmt.Errorf("the change of web is not seen yet")
		}
		return nil
	})
}

// scale does what kubectl scale does: it writes the scale subresource.
func (w *scene) scale(n int32) {
	w.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n)
	_, err := w.Client.AppsV1().StatefulSets(w.Namespace).Patch(w.Ctx, "web", types.MergePatchType, patch, metav1.PatchOptions{}, "scale")
	w.Must(err)
}

func (w *scene) deleteSet(cascade metav1.DeletionPropagation) {
	w.Helper()
	w.Must(w.Client.AppsV1().StatefulSets(w.Namespace).Delete(w.Ctx, "web", metav1.DeleteOptions{PropagationPolicy: &cascade}))
}

func (w *scene) deletePod(name string) {
	w.Helper()
	w.Must(w.Client.CoreV1().Pods(w.Namespace).Delete(w.Ctx, name, metav1.DeleteOptions{}))
}

// simulate makes one pod behave in another way from now on.
func (w *scene) simulate(pod, state string) {
	w.Helper()
	w.annotate(pod, simnode.StateAnnotation, state)
}

// letGo ends a pod that is stubborn.
func (w *scene) letGo(pod string) {
	w.Helper()
	w.annotate(pod, simnode.TerminateAfterAnnotation, "0s")
}

func (w *scene) annotate(pod, key, value string) {
	w.Helper()
	w.patchPod(pod, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value))
}

func (w *scene) label(pod, key, value string) {
	w.Helper()
	w.patchPod(pod, fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, key, value))
}

func (w *scene) patchPod(pod string, patch []byte) {
	w.Helper()
	_, err := w.Client.CoreV1().Pods(w.Namespace).Patch(w.Ctx, pod, types.MergePatchType, patch, metav1.PatchOptions{})
	w.Must(err)
}
