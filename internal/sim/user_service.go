package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ordinal.dev/ordinal/internal/identity"
)

// serviceOf is the name of a set's governing Service.
func (w *World) serviceOf(set string) string {
	if set := w.set(set); set != nil {
		return set.Spec.ServiceName
	}
	return set
}

// usersService is a Service as a user has it for a set: the words of the text are
// "address" for one with an address of its own, and "elsewhere" for one that does not
// select the set's pods.
func (w *World) usersService(m Move) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.serviceOf(m.Set), Labels: map[string]string{"owner": "user"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": m.Set},
			Ports: []corev1.ServicePort{{Name: "main", Port: 8001, TargetPort: intstr.FromInt32(8001)}},
		},
	}
	if strings.Contains(m.Text, "address") {
		service.Spec.ClusterIP = ""
	}
	if strings.Contains(m.Text, "elsewhere") {
		service.Spec.Selector = map[string]string{"app": "elsewhere"}
	}
	return service
}

// with makes a user's write with a tool of this name.
func (w *World) with(tool string, write func() error) error {
	w.api.Manager = tool
	defer func() { w.api.Manager = somebody }()
	return write()
}

// bringService has a user bring the governing Service, by kubectl create unless the
// text names another way.
func (w *World) bringService(m Move) {
	service := w.usersService(m)
	switch {
	case strings.Contains(m.Text, "server-side"):
		err := w.with("kubectl", func() error { return w.api.Apply(service, false) })
		w.judge.userApplied(service.Name, err)
		w.try(err)
	case strings.Contains(m.Text, "apply"):
		w.try(w.with("kubectl-client-side-apply", func() error { return w.apply(service) }))
	default:
		w.try(w.with("kubectl-create", func() error { return w.api.Create(service) }))
	}
}

// apply is kubectl apply, which patches what is there.
func (w *World) apply(service *corev1.Service) error {
	manifest, err := json.Marshal(service)
	w.must(err)
	metav1.SetMetaDataAnnotation(&service.ObjectMeta, corev1.LastAppliedConfigAnnotation, string(manifest))
	if _, err := w.api.Get(services, keyOf(service.Name)); apierrors.IsNotFound(err) {
		return w.api.Create(service)
	}
	patch := map[string]any{
		"metadata": map[string]any{"labels": service.Labels, "annotations": service.Annotations},
		"spec":     map[string]any{"selector": service.Spec.Selector, "ports": service.Spec.Ports},
	}
	if service.Spec.ClusterIP != "" {
		patch["spec"].(map[string]any)["clusterIP"] = service.Spec.ClusterIP
	}
	data, err := json.Marshal(patch)
	w.must(err)
	return w.api.Patch(service, types.StrategicMergePatchType, data)
}

// replaceService is kubectl replace --force: the Service is deleted, and made a while
// later.
func (w *World) replaceService(m Move) {
	service := w.usersService(m)
	w.deleteService(service.Name)
	w.after(w.between("replace", 100*time.Millisecond, 2900*time.Millisecond), "user", func() {
		w.try(w.with("kubectl-replace", func() error { return w.api.Create(service) }))
	})
}

func (w *World) deleteService(name string) {
	w.judge.userDeletesService(name)
	w.try(w.api.Delete(services, keyOf(name), deleteOptions()))
}

// editService has a user change the labels of a Service, or its selector.
func (w *World) editService(m Move) {
	object, err := w.api.Get(services, keyOf(w.serviceOf(m.Set)))
	if err != nil {
		return
	}
	service := object.DeepCopyObject().(*corev1.Service)
	if m.Text == "labels" {
		metav1.SetMetaDataLabel(&service.ObjectMeta, "team", fmt.Sprint(m.N))
	} else {
		service.Spec.Selector = map[string]string{"app": m.Set, "team": fmt.Sprint(m.N)}
	}
	w.try(w.api.Update(service))
}

// lodge makes a pod in the namespace that is nobody's, with some of the labels of a
// set's pods: those that the text names, or all.
func (w *World) lodge(m Move) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "lodger-" + string(rune('a'+m.N)), Labels: map[string]string{"lodger": "yes"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1-good"}}},
	}
	object, err := w.api.Get(pods, keyOf(identity.PodName(m.Set, 0)))
	if err != nil {
		return
	}
	for key, value := range object.GetLabels() {
		if m.Text == "" || strings.Contains(m.Text, key) {
			pod.Labels[key] = value
		}
	}
	w.try(w.api.Create(pod))
}
