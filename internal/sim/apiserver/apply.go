package apiserver

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Apply is a server-side apply of a Service by the server's Manager: the labels, the
// annotations and the fields of spec that it sets become what it says, and are the
// manager's; labels and annotations that the manager had applied and no longer sets go.
// Where another manager has set one of the fields otherwise it is refused, unless it is
// forced. A Service that is not there is made.
func (s *Server) Apply(applied *corev1.Service, force bool) error {
	applied = applied.DeepCopy()
	defaultPorts(&applied.Spec)
	wanted := fieldsOf(applied)
	s.applying = fieldSet{}
	defer func() { s.applying = nil }()
	for path := range wanted {
		s.applying[path] = !strings.HasSuffix(path, "\n.") // who applies entries does not own the map
	}
	maps.DeleteFunc(s.applying, func(_ string, applied bool) bool { return !applied })
	found, err := s.Get(services, client.ObjectKeyFromObject(applied))
	if apierrors.IsNotFound(err) {
		return s.Create(applied)
	}
	old := found.(*corev1.Service)
	if other := s.disputed(old, wanted); other != "" && !force {
		return apierrors.NewConflict(services.resource(), old.Name, fmt.Errorf("apply failed with a conflict with %s", other))
	}
	updated := old.DeepCopy()
	s.giveUp(updated, wanted)
	for key, value := range applied.Labels {
		metav1.SetMetaDataLabel(&updated.ObjectMeta, key, value)
	}
	for key, value := range applied.Annotations {
		metav1.SetMetaDataAnnotation(&updated.ObjectMeta, key, value)
	}
	if applied.Spec.Selector != nil {
		updated.Spec.Selector = nil // it is one field
	}
	decode(encode(applied.Spec), &updated.Spec)
	return s.storeAllButStatus(services, old, updated)
}

// giveUp takes out what the manager had applied and does not want any more.
func (s *Server) giveUp(service *corev1.Service, wanted map[string]any) {
	service.Labels, service.Annotations = maps.Clone(service.Labels), maps.Clone(service.Annotations)
	for _, entry := range service.ManagedFields {
		if !s.hasApplied(entry) {
			continue
		}
		for path := range decodeFields(entry.FieldsV1) {
			if _, still := wanted[path]; still {
				continue
			}
			if label, ok := strings.CutPrefix(path, inLabels+"f:"); ok {
				delete(service.Labels, label)
			}
			if annotation, ok := strings.CutPrefix(path, inAnnotations+"f:"); ok {
				delete(service.Annotations, annotation)
			}
		}
	}
}

// disputed is a manager that has set a wanted field otherwise, "" if there is none.
func (s *Server) disputed(old *corev1.Service, wanted map[string]any) string {
	is := fieldsOf(old)
	for _, entry := range old.ManagedFields {
		if s.hasApplied(entry) {
			continue
		}
		for path := range decodeFields(entry.FieldsV1) {
			if value, ok := wanted[path]; ok && !reflect.DeepEqual(value, is[path]) {
				return entry.Manager
			}
		}
	}
	return ""
}

func (s *Server) hasApplied(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == s.Manager && entry.Operation == metav1.ManagedFieldsOperationApply
}
