package integration

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names are what a Service publishes with the host names of pods: what a DNS server
// answers.

func TestAPortThatComesWithAnUpdateIsPublished(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.named("peers", "web-0", "web-1"))
	w.change(func(s *appsv1.StatefulSet) {
		c := &s.Spec.Template.Spec.Containers[0]
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: "metrics", ContainerPort: 9187})
	})
	w.Eventually(w.published("peers", "http", "metrics"))
	w.Eventually(w.Ready("web", 2))
	w.change(func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Ports = nil })
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.published("peers"))
}

// A selector with expressions has no form in a Service, and other labels change with a
// release.
func TestNamesHoldWhileALabelChangesWithTheRelease(t *testing.T) {
	w := newScene(t)
	release := func(version string) edit {
		return func(s *appsv1.StatefulSet) {
			s.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "version", Operator: metav1.LabelSelectorOpIn, Values: []string{"v1", "v2"}},
			}}
			s.Spec.Template.Labels = map[string]string{"app": "web", "version": version}
		}
	}
	w.create(web(replicas(2), release("v1")))
	w.Eventually(w.named("peers", "web-0", "web-1"))
	w.change(release("v2"))
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.named("peers", "web-0", "web-1"))
	if selector := w.Service("peers").Spec.Selector; selector["version"] != "" {
		t.Errorf("the Service selects %v: by what changes with a release", selector)
	}
}

// Master and data of one cluster name the same Service (prometheus-operator#149).
func TestTwoSetsOfOneServiceNameShareIt(t *testing.T) {
	w := newScene(t)
	for _, role := range []string{"data", "master"} {
		w.create(web(replicas(1), func(s *appsv1.StatefulSet) {
			s.Name = role
			s.Spec.Template.Labels = map[string]string{"app": "es", "role": role}
			s.Spec.Selector = &metav1.LabelSelector{MatchLabels: s.Spec.Template.Labels}
		}))
	}
	w.Eventually(w.named("peers", "data-0", "master-0"))
	w.Eventually(func() error {
		if owners := w.Service("peers").OwnerReferences; len(owners) != 2 {
			return fmt.Errorf("the Service is owned by %v, not by both sets", owners)
		}
		return nil
	})
	w.Must(w.Client.AppsV1().StatefulSets(w.Namespace).Delete(w.Ctx, "data", metav1.DeleteOptions{}))
	w.Eventually(w.named("peers", "master-0"))
	w.Must(w.Client.AppsV1().StatefulSets(w.Namespace).Delete(w.Ctx, "master", metav1.DeleteOptions{}))
	w.Eventually(w.noService("peers"))
}

func TestSetsWithNothingInCommonAreTold(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.named("peers", "web-0", "web-1"))
	w.create(web(replicas(2), func(s *appsv1.StatefulSet) {
		s.Name = "queue"
		s.Spec.Template.Labels = map[string]string{"app": "queue"}
		s.Spec.Selector = &metav1.LabelSelector{MatchLabels: s.Spec.Template.Labels}
	}))
	w.Eventually(w.Ready("queue", 2))
	w.Eventually(func() error {
		for _, c := range w.Set("queue").Status.Conditions {
			if c.Type == "GoverningService" && c.Reason == "ServiceShared" {
				return nil
			}
		}
		return fmt.Errorf("queue is not told of web: %v", w.Set("queue").Status.Conditions)
	})
	w.Must(w.named("peers", "web-0", "web-1")())
}

// Members of a deleted set have a grace in which they hand over, by their names
// (kubernetes#37093).
func TestNamesHoldUntilTheLastPodOfADeletedSetHasEnded(t *testing.T) {
	for _, cascade := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		t.Run(string(cascade), func(t *testing.T) {
			w := newScene(t)
			w.create(web(replicas(3), parallel, stubborn))
			w.Eventually(w.named("peers", "web-0", "web-1", "web-2"))
			w.deleteSet(cascade)
			w.Eventually(w.AllTerminating)
			w.Eventually(w.keptByPods("peers"))
			w.Eventually(w.named("peers", "web-0", "web-1", "web-2"))
			w.letGo("web-0")
			w.letGo("web-1")
			w.Eventually(w.named("peers", "web-2"))
			w.letGo("web-2")
			w.Eventually(w.AllGone)
			w.Eventually(w.noService("peers"))
		})
	}
}

// named objects unless the Service publishes exactly these host names.
func (w *scene) named(service string, hosts ...string) func() error {
	return func() error {
		if got := w.Hostnames(service); !slices.Equal(got, hosts) {
			return fmt.Errorf("Service %s publishes %v, not %v", service, got, hosts)
		}
		return nil
	}
}

// published objects unless the Service has ports of these names.
func (w *scene) published(name string, ports ...string) func() error {
	return func() error {
		var got []string
		for _, p := range w.Service(name).Spec.Ports {
			got = append(got, p.Name)
		}
		if !slices.Equal(got, ports) {
			return fmt.Errorf("Service %s has the ports %v, not %v", name, got, ports)
		}
		return nil
	}
}

// keptByPods objects unless only pods own the Service.
func (w *scene) keptByPods(name string) func() error {
	return func() error {
		service := w.Service(name)
		if service == nil {
			return fmt.Errorf("there is no Service %s", name)
		}
		for _, owner := range service.OwnerReferences {
			if owner.Kind != "Pod" {
				return fmt.Errorf("Service %s is owned by %v", name, service.OwnerReferences)
			}
		}
		return nil
	}
}
