package handover

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
)

// A saying is what a namespace is to say of its sets. Values of nil are removed, what is
// not named stays.
type saying struct {
	label       *string
	keepLabel   bool
	annotations map[string]*string
}

// patch is the saying as a merge patch, which is refused if the namespace has changed
// since it was read: another call may have listed a set meanwhile.
func (s saying) patch(namespace *corev1.Namespace) ([]byte, error) {
	metadata := map[string]any{"resourceVersion": namespace.ResourceVersion, "annotations": s.annotations}
	if !s.keepLabel {
		metadata["labels"] = map[string]*string{fence.Label: s.label}
	}
	return json.Marshal(map[string]any{"metadata": metadata})
}

// say has a namespace say what decide makes of it as it is now.
func say(ctx context.Context, c client.Client, name string, decide func(*corev1.Namespace) (saying, error)) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		namespace, err := namespaceOf(ctx, c, name)
		if err != nil {
			return err
		}
		s, err := decide(namespace)
		if err != nil {
			return err
		}
		patch, err := s.patch(namespace)
		if err != nil {
			return err
		}
		return c.Patch(ctx, namespace, client.RawPatch(types.MergePatchType, patch))
	})
}

func namespaceOf(ctx context.Context, reader client.Reader, name string) (*corev1.Namespace, error) {
	namespace := &corev1.Namespace{}
	err := reader.Get(ctx, types.NamespacedName{Name: name}, namespace)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no namespace %s; see: kubectl get namespaces", name)
	}
	return namespace, err
}

// setsOf are all sets of a namespace.
func setsOf(ctx context.Context, reader client.Reader, namespace string) ([]*appsv1.StatefulSet, error) {
	var list appsv1.StatefulSetList
	if err := reader.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	sets := make([]*appsv1.StatefulSet, len(list.Items))
	for i := range list.Items {
		sets[i] = &list.Items[i]
	}
	return sets, nil
}

// Sets are the sets of a target, each of which must exist.
func Sets(ctx context.Context, reader client.Reader, t Target) ([]*appsv1.StatefulSet, error) {
	existing, err := setsOf(ctx, reader, t.Namespace)
	if err != nil || t.Whole() {
		return existing, err
	}
	byName := map[string]*appsv1.StatefulSet{}
	for _, set := range existing {
		byName[set.Name] = set
	}
	var sets []*appsv1.StatefulSet
	for _, name := range t.Sets {
		if byName[name] == nil {
			return nil, fmt.Errorf("there is no StatefulSet %s in namespace %s; see: kubectl get sts -n %s", name, t.Namespace, t.Namespace)
		}
		sets = append(sets, byName[name])
	}
	return sets, nil
}
