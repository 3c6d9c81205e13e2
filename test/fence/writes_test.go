package fence

import (
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// dry is of a request that is admitted, or denied, and not carried out.
var dry = []string{metav1.DryRunAll}

// A desk is where somebody makes dry-run requests about a set.
type desk struct {
	ctx    context.Context
	client kubernetes.Interface
	set    *appsv1.StatefulSet // as it is stored
}

// writes are all that the in-tree controller's role lets it do about a set, and what it
// does: one of each kind.
var writes = map[string]func(desk) error{
	"create a pod": func(d desk) error {
		_, err := d.client.CoreV1().Pods(d.set.Namespace).Create(d.ctx, pod(d.set, "1", true), metav1.CreateOptions{DryRun: dry})
		return err
	},
	"update a pod": func(d desk) error {
		pods := d.client.CoreV1().Pods(d.set.Namespace)
		p, err := pods.Get(d.ctx, d.set.Name+"-0", metav1.GetOptions{})
		if err != nil {
			return err
		}
		metav1.SetMetaDataLabel(&p.ObjectMeta, "changed", "yes")
		_, err = pods.Update(d.ctx, p, metav1.UpdateOptions{DryRun: dry})
		return err
	},
	"adopt a pod":   func(d desk) error { return d.patchPod("9", adoption(d.set)) },
	"release a pod": func(d desk) error { return d.patchPod("0", release) },
	"delete a pod": func(d desk) error {
		return d.client.CoreV1().Pods(d.set.Namespace).Delete(d.ctx, d.set.Name+"-0", metav1.DeleteOptions{DryRun: dry})
	},
	"create a revision": func(d desk) error {
		_, err := d.client.AppsV1().ControllerRevisions(d.set.Namespace).Create(d.ctx, revision(d.set, "2", true), metav1.CreateOptions{DryRun: dry})
		return err
	},
	"update a revision": func(d desk) error {
		revisions := d.client.AppsV1().ControllerRevisions(d.set.Namespace)
		r, err := revisions.Get(d.ctx, d.set.Name+"-1", metav1.GetOptions{})
		if err != nil {
			return err
		}
		r.Revision++
		_, err = revisions.Update(d.ctx, r, metav1.UpdateOptions{DryRun: dry})
		return err
	},
	"adopt a revision":   func(d desk) error { return d.patchRevision("9", adoption(d.set)) },
	"release a revision": func(d desk) error { return d.patchRevision("1", release) },
	"delete a revision": func(d desk) error {
		return d.client.AppsV1().ControllerRevisions(d.set.Namespace).Delete(d.ctx, d.set.Name+"-1", metav1.DeleteOptions{DryRun: dry})
	},
	"create a claim": func(d desk) error {
		return d.eachClaim(func(template string) error {
			_, err := d.client.CoreV1().PersistentVolumeClaims(d.set.Namespace).Create(d.ctx, claim(d.set, template, "1"), metav1.CreateOptions{DryRun: dry})
			return err
		})
	},
	"update a claim": func(d desk) error {
		return d.eachClaim(func(template string) error {
			claims := d.client.CoreV1().PersistentVolumeClaims(d.set.Namespace)
			c, err := claims.Get(d.ctx, claim(d.set, template, "0").Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			c.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d.set, setKind)}
			_, err = claims.Update(d.ctx, c, metav1.UpdateOptions{DryRun: dry})
			return err
		})
	},
	"delete a claim": func(d desk) error {
		return d.eachClaim(func(template string) error {
			return d.client.CoreV1().PersistentVolumeClaims(d.set.Namespace).Delete(d.ctx, claim(d.set, template, "0").Name, metav1.DeleteOptions{DryRun: dry})
		})
	},
	"write the status": func(d desk) error {
		set := d.set.DeepCopy()
		set.Status.ObservedGeneration, set.Status.Replicas = set.Generation, 1
		_, err := d.client.AppsV1().StatefulSets(set.Namespace).UpdateStatus(d.ctx, set, metav1.UpdateOptions{DryRun: dry})
		return err
	},
	"make an event": func(d desk) error {
		_, err := d.client.CoreV1().Events(d.set.Namespace).Create(d.ctx, event(d.set, "3"), metav1.CreateOptions{DryRun: dry})
		return err
	},
	"count an event": func(d desk) error {
		_, err := d.client.CoreV1().Events(d.set.Namespace).Patch(d.ctx, d.set.Name+".1", types.StrategicMergePatchType,
			[]byte(`{"count":2}`), metav1.PatchOptions{DryRun: dry})
		return err
	},
	"make an event of events.k8s.io": func(d desk) error {
		_, err := d.client.EventsV1().Events(d.set.Namespace).Create(d.ctx, newEvent(d.set, "3"), metav1.CreateOptions{DryRun: dry})
		return err
	},
	"count an event of events.k8s.io": func(d desk) error {
		_, err := d.client.EventsV1().Events(d.set.Namespace).Patch(d.ctx, d.set.Name+".2", types.StrategicMergePatchType,
			[]byte(`{"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000000Z"}}`), metav1.PatchOptions{DryRun: dry})
		return err
	},
}

func (d desk) patchPod(ordinal, patch string) error {
	_, err := d.client.CoreV1().Pods(d.set.Namespace).Patch(d.ctx, d.set.Name+"-"+ordinal, types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{DryRun: dry})
	return err
}

func (d desk) patchRevision(number, patch string) error {
	_, err := d.client.AppsV1().ControllerRevisions(d.set.Namespace).Patch(d.ctx, d.set.Name+"-"+number, types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{DryRun: dry})
	return err
}

// eachClaim makes the request about a claim of every template. One that is admitted
// beside one that is denied is an error of its own.
func (d desk) eachClaim(request func(template string) error) error {
	denied := map[bool]error{}
	for _, t := range d.set.Spec.VolumeClaimTemplates {
		err := request(t.Name)
		denied[err != nil] = err
	}
	if len(denied) > 1 {
		return fmt.Errorf("not all claims of %s are treated alike: %w", d.set.Name, errorOf(denied[true]))
	}
	return slices.Collect(maps.Values(denied))[0]
}

// errorOf has the text of an error and is not one of the API server's.
func errorOf(err error) error { return fmt.Errorf("%v", err) }

// furnish makes what exists of a set when somebody writes about it: a pod, claims, a
// revision and an event of its own, and a pod and a revision to adopt.
func (s *stage) furnish(set *appsv1.StatefulSet) *appsv1.StatefulSet {
	s.Helper()
	set, err := s.admin.AppsV1().StatefulSets(set.Namespace).Create(s.Context(), set, metav1.CreateOptions{})
	s.must(err)
	core, apps := s.admin.CoreV1(), s.admin.AppsV1()
	for ordinal, owned := range map[string]bool{"0": true, "9": false} {
		_, err := core.Pods(set.Namespace).Create(s.Context(), pod(set, ordinal, owned), metav1.CreateOptions{})
		s.must(err)
	}
	for number, owned := range map[string]bool{"1": true, "9": false} {
		_, err := apps.ControllerRevisions(set.Namespace).Create(s.Context(), revision(set, number, owned), metav1.CreateOptions{})
		s.must(err)
	}
	for _, t := range set.Spec.VolumeClaimTemplates {
		_, err := core.PersistentVolumeClaims(set.Namespace).Create(s.Context(), claim(set, t.Name, "0"), metav1.CreateOptions{})
		s.must(err)
	}
	_, err = core.Events(set.Namespace).Create(s.Context(), event(set, "1"), metav1.CreateOptions{})
	s.must(err)
	_, err = s.admin.EventsV1().Events(set.Namespace).Create(s.Context(), newEvent(set, "2"), metav1.CreateOptions{})
	s.must(err)
	return set
}

var setKind = appsv1.SchemeGroupVersion.WithKind("StatefulSet")

// setOf is a set with claims of the given templates.
func setOf(namespace, name string, templates ...string) *appsv1.StatefulSet {
	labels := map[string]string{"app": name}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
			},
		},
	}
	for _, t := range templates {
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: t},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
			},
		})
	}
	return set
}

// ownedBy is the metadata of an object with the set's labels, and as its owner the set.
func ownedBy(set *appsv1.StatefulSet, suffix string, owned bool) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name + "-" + suffix, Labels: set.Spec.Template.Labels}
	if owned {
		meta.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, setKind)}
	}
	return meta
}

func pod(set *appsv1.StatefulSet, ordinal string, owned bool) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: ownedBy(set, ordinal, owned), Spec: set.Spec.Template.Spec}
}

func revision(set *appsv1.StatefulSet, number string, owned bool) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{ObjectMeta: ownedBy(set, number, owned), Data: runtime.RawExtension{Raw: []byte(`{}`)}, Revision: 1}
}

func claim(set *appsv1.StatefulSet, template, ordinal string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: template + "-" + set.Name + "-" + ordinal, Labels: set.Spec.Template.Labels},
		Spec:       set.Spec.VolumeClaimTemplates[0].Spec,
	}
}

func about(set *appsv1.StatefulSet) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: set.Namespace, Name: set.Name, UID: set.UID}
}

func event(set *appsv1.StatefulSet, number string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name + "." + number},
		InvolvedObject: about(set), Reason: "SuccessfulCreate", Type: corev1.EventTypeNormal, Count: 1,
	}
}

func newEvent(set *appsv1.StatefulSet, number string) *eventsv1.Event {
	return &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name + "." + number},
		Regarding:  about(set), Reason: "SuccessfulCreate", Type: corev1.EventTypeNormal, Action: "Create",
		EventTime: metav1.NowMicro(), ReportingController: "statefulset-controller", ReportingInstance: "one",
	}
}

const release = `{"metadata":{"ownerReferences":null}}`

func adoption(set *appsv1.StatefulSet) string {
	return fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":%q,"uid":%q,"controller":true,"blockOwnerDeletion":true}]}}`,
		set.Name, set.UID)
}
