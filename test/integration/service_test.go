package integration

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/plan"
)

func TestTheGoverningServiceIsCreatedAndOwned(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.hasService("peers"))

	service := w.Service("peers")
	if service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses {
		t.Errorf("the Service has cluster IP %q and publishes addresses before they are ready: %t",
			service.Spec.ClusterIP, service.Spec.PublishNotReadyAddresses)
	}
	if !equality.Semantic.DeepEqual(service.Spec.Selector, map[string]string{"app": "web"}) {
		t.Errorf("the Service selects %v", service.Spec.Selector)
	}
	if ports := service.Spec.Ports; len(ports) != 1 || ports[0].Name != "http" || ports[0].Port != 8080 {
		t.Errorf("the Service has the ports %v, not those of the containers", ports)
	}
	if owners := service.OwnerReferences; len(owners) != 1 || owners[0].UID != w.Set("web").UID {
		t.Errorf("the Service is owned by %v, not by the set", owners)
	}
	w.deleteSet(metav1.DeletePropagationForeground)
	w.Eventually(w.AllGone)
	w.Eventually(w.noService("peers"))
}

func TestADeletedGoverningServiceComesBack(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.hasService("peers"))
	old := w.Service("peers").UID

	w.Must(w.Client.CoreV1().Services(w.Namespace).Delete(w.Ctx, "peers", metav1.DeleteOptions{}))
	w.Eventually(func() error {
		if service := w.Service("peers"); service == nil || service.UID == old {
			return fmt.Errorf("the Service peers did not come back")
		}
		return nil
	})
}

func TestTheUsersServiceIsNeverTouched(t *testing.T) {
	tests := map[string]struct {
		service corev1.ServiceSpec
		warning string // the event's reason
	}{
		"good":              {headless("web"), ""},
		"not headless":      {corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: onePort}, "ServiceNotHeadless"},
		"selects something": {headless("else"), "ServiceSelectorMismatch"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newScene(t)
			mine, err := w.Client.CoreV1().Services(w.Namespace).Create(w.Ctx,
				&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "peers"}, Spec: test.service}, metav1.CreateOptions{})
			w.Must(err)
			w.create(web(replicas(2)))
			w.Eventually(w.Ready("web", 2))
			w.Eventually(w.warnedOfService(test.warning))

			w.deleteSet(metav1.DeletePropagationForeground)
			w.Eventually(w.AllGone)
			after, err := w.Client.CoreV1().Services(w.Namespace).Get(w.Ctx, "peers", metav1.GetOptions{})
			w.Must(err)
			if after.ResourceVersion != mine.ResourceVersion {
				t.Errorf("the user's Service was changed:\n%+v\n%+v", mine, after)
			}
		})
	}
}

// A delete and a create are how a field is changed that cannot be (kubernetes#28115):
// there is a moment without a Service.
func TestAServiceThatItsUserReplacesByForceStaysTheUsers(t *testing.T) {
	w := newScene(t)
	mine := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "peers"}, Spec: headless("web")}
	services := w.Client.CoreV1().Services(w.Namespace)
	_, err := services.Create(w.Ctx, mine, metav1.CreateOptions{})
	w.Must(err)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	w.Must(services.Delete(w.Ctx, "peers", metav1.DeleteOptions{}))
	w.Eventually(w.noService("peers"))
	w.Forget()
	w.change(image("web:2"))
	w.Happens("web-0 stopping") // it has much to do meanwhile
	_, err = services.Create(w.Ctx, mine, metav1.CreateOptions{})
	w.Must(err)
}

// Whoever writes the Service has it from then on, and without a conflict.
func TestAServiceThatSomebodyElseWritesIsTheirs(t *testing.T) {
	applied := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"peers","labels":{"app":"mine"}},"spec":{"selector":{"app":"web"},"ports":[{"name":"db","port":5432}]}}`
	for name, write := range map[string]func(w *scene) error{
		"kubectl apply": func(w *scene) error {
			annotation := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, corev1.LastAppliedConfigAnnotation, applied)
			return w.patchService(types.MergePatchType, annotation, metav1.PatchOptions{FieldManager: "kubectl-client-side-apply"})
		},
		"server-side apply": func(w *scene) error {
			return w.patchService(types.ApplyPatchType, applied, metav1.PatchOptions{FieldManager: "helm"})
		},
		"an operator": func(w *scene) error {
			return w.patchService(types.MergePatchType, `{"spec":{"ports":[{"name":"db","port":5432}]}}`, metav1.PatchOptions{FieldManager: "operator"})
		},
		"a label": func(w *scene) error {
			return w.patchService(types.MergePatchType, `{"metadata":{"labels":{"team":"db"}}}`, metav1.PatchOptions{FieldManager: "kubectl-label"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newScene(t)
			w.create(web(replicas(1)))
			w.Eventually(w.hasService("peers"))
			w.Eventually(w.givenUp) // a conflict would be seen before
			w.Must(write(w))
			w.Eventually(func() error {
				if s := w.Service("peers"); len(s.OwnerReferences) > 0 || s.Annotations[plan.ServiceMark] != "" {
					return fmt.Errorf("it is still owned by %v and marked %v", s.OwnerReferences, s.Annotations)
				}
				return nil
			})
			theirs := w.Service("peers").ResourceVersion
			w.change(func(s *appsv1.StatefulSet) {
				s.Spec.Template.Spec.Containers[0].Ports[0].ContainerPort = 9090
			})
			w.Eventually(w.Ready("web", 1))
			w.deleteSet(metav1.DeletePropagationForeground)
			w.Eventually(w.AllGone)
			if s := w.Service("peers"); s == nil || s.ResourceVersion != theirs {
				t.Errorf("it was changed or collected with the set: %v", s)
			}
		})
	}
}

func (w *scene) patchService(kind types.PatchType, patch string, options metav1.PatchOptions) error {
	_, err := w.Client.CoreV1().Services(w.Namespace).Patch(w.Ctx, "peers", kind, []byte(patch), options)
	return err
}

// givenUp objects while the API server notes the Service's fields as the controller's.
func (w *scene) givenUp() error {
	for _, m := range w.Service("peers").ManagedFields {
		if m.Manager == plan.FieldManager && strings.Contains(m.FieldsV1.GetRawString(), "f:spec") {
			return fmt.Errorf("the Service's spec is still the controller's: %s", m.FieldsV1.GetRawString())
		}
	}
	return nil
}

// A quota that allows no Service is not hammered, and holds up nothing.
func TestWithoutRoomForAServicePodsDoWithoutIt(t *testing.T) {
	w := newScene(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}}
	quota.Spec.Hard = corev1.ResourceList{corev1.ResourceServices: resource.MustParse("0")}
	_, err := w.Client.CoreV1().ResourceQuotas(w.Namespace).Create(w.Ctx, quota, metav1.CreateOptions{})
	w.Must(err)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.condition("GoverningService", corev1.ConditionFalse, "FailedCreate", "exceeded quota"))
	w.Must(w.condition("Available", corev1.ConditionTrue, "AllAvailable")())
	w.Must(w.condition("Progressing", corev1.ConditionFalse, "Complete")())
}

// A later revision of the chart that brings the Service adopts it (helm#9125).
func TestAServiceOfAHelmReleaseCanBeAdopted(t *testing.T) {
	w := newScene(t)
	release := map[string]string{"meta.helm.sh/release-name": "db", "meta.helm.sh/release-namespace": w.Namespace}
	w.create(web(replicas(1), func(s *appsv1.StatefulSet) {
		s.Labels, s.Annotations = map[string]string{"app.kubernetes.io/managed-by": "Helm"}, release
	}))
	w.Eventually(w.hasService("peers"))
	service := w.Service("peers")
	for key, value := range release {
		if service.Annotations[key] != value {
			t.Errorf("annotation %s is %q, want %q as the set has it", key, service.Annotations[key], value)
		}
	}
	if service.Labels["app.kubernetes.io/managed-by"] != "Helm" {
		t.Errorf("labels %v, and Helm asks for its own", service.Labels)
	}
}

var onePort = []corev1.ServicePort{{Name: "http", Port: 8080}}

func headless(app string) corev1.ServiceSpec {
	return corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": app}, Ports: onePort}
}

// warnedOfService objects unless the set's warnings of what its Service is like, which a
// failed write is not, have this reason, or there are none if it is empty.
func (w *scene) warnedOfService(reason string) func() error {
	return func() error {
		got := ""
		for _, e := range w.Events() {
			if e.Type == corev1.EventTypeWarning && e.InvolvedObject.Name == "web" && strings.HasPrefix(e.Reason, "Service") {
				got = e.Reason
			}
		}
		if got != reason {
			return fmt.Errorf("the warning of the Service is %q, not %q", got, reason)
		}
		return nil
	}
}

func (w *scene) hasService(name string) func() error {
	return func() error {
		if w.Service(name) == nil {
			return fmt.Errorf("there is no Service %s", name)
		}
		return nil
	}
}

func (w *scene) noService(name string) func() error {
	return func() error {
		if w.Service(name) != nil {
			return fmt.Errorf("the Service %s is still there", name)
		}
		return nil
	}
}
