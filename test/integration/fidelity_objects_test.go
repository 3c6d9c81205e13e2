package integration

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

const (
	sets      apiserver.Kind = "statefulsets"
	revisions apiserver.Kind = "controllerrevisions"
	pods      apiserver.Kind = "pods"
	claims    apiserver.Kind = "persistentvolumeclaims"
	services  apiserver.Kind = "services"
)

var everyKind = []apiserver.Kind{sets, revisions, pods, claims, services}

// A target is what a request is about.
type target struct {
	kind apiserver.Kind
	name string
}

func (t target) String() string { return string(t.kind) + "/" + t.name }

// nameOf is an object's name with its kind: pods/web-0.
func nameOf(o client.Object) string { return target{apiserver.KindOf(o), o.GetName()}.String() }

// newObject is what a target looks like when nobody asks for anything special. As
// the pods', its specification leaves nothing for the server to add that no
// controller reads.
func newObject(t target, namespace string) client.Object {
	at := metav1.ObjectMeta{Namespace: namespace, Name: t.name, Labels: map[string]string{"app": "web"}}
	switch t.kind {
	case sets:
		set := newStatefulSet()
		set.ObjectMeta = at
		return set
	case revisions:
		return &appsv1.ControllerRevision{ObjectMeta: at, Data: runtime.RawExtension{Raw: []byte(`{"spec":{"template":{}}}`)}, Revision: 1}
	case pods:
		return &corev1.Pod{ObjectMeta: at, Spec: podSpec()}
	case claims:
		return &corev1.PersistentVolumeClaim{ObjectMeta: at, Spec: claimSpec()}
	}
	return &corev1.Service{ObjectMeta: at, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeClusterIP, ClusterIP: corev1.ClusterIPNone, ClusterIPs: []string{corev1.ClusterIPNone},
		IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, IPFamilyPolicy: ptr.To(corev1.IPFamilyPolicySingleStack),
		SessionAffinity: corev1.ServiceAffinityNone, InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster),
		Selector: map[string]string{"app": "web"}, PublishNotReadyAddresses: true,
		Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(80)}},
	}}
}

func newStatefulSet() *appsv1.StatefulSet {
	labels := map[string]string{"app": "web"}
	return &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{
		ServiceName: "peers", Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: templateSpec()},
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
			ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: claimSpec(), Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
		}},
	}}
}

// templateSpec is a pod's without what admission adds to pods alone.
func templateSpec() corev1.PodSpec {
	spec := podSpec()
	spec.Tolerations, spec.Priority, spec.PreemptionPolicy, spec.EnableServiceLinks = nil, nil, nil, nil
	return spec
}

// claimSpec is of a class that nobody serves.
func claimSpec() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		StorageClassName: ptr.To("nobody"), VolumeMode: ptr.To(corev1.PersistentVolumeFilesystem),
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
	}
}

// copyInto copies an object over another of its type.
func copyInto(from, to client.Object) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

func itemsOf(list client.ObjectList) ([]client.Object, error) {
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	objects := make([]client.Object, 0, len(items))
	for _, item := range items {
		o, ok := item.(client.Object)
		if !ok {
			return nil, fmt.Errorf("a %T is no object", item)
		}
		objects = append(objects, o)
	}
	return objects, nil
}
