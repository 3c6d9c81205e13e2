package integration

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if owner := metav1.GetControllerOf(service); owner == nil || owner.UID != w.Set("web").UID {
		t.Errorf("the Service is owned by %v, not by the set", owner)
	}
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
			w.create(web(replicas(1)))
			w.Eventually(w.Ready("web", 1))
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
