package proposal

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// The names under which others apply.
const (
	kubectl     = "kubectl"
	kubectlHere = "kubectl-client-side-apply"
	helm        = "helm"
)

// applied has the API server say what an object would be if the document was applied.
// live is the object as it is, nil if there is none.
func applied[T client.Object](ctx context.Context, c client.Client, d Document, fresh func() T) (live, after T, err error) {
	var none T
	live, after = fresh(), fresh()
	key := client.ObjectKeyFromObject(d)
	if err := c.Get(ctx, key, live); apierrors.IsNotFound(err) {
		live = none
	} else if err != nil {
		return none, none, err
	}
	after.SetName(key.Name)
	after.SetNamespace(key.Namespace)
	exists := client.Object(live) != client.Object(none)
	document := withoutServersPart(d)
	if exists {
		addReleaseOf(live, document)
	}
	manifest, err := json.Marshal(document)
	if err != nil {
		return none, none, err
	}
	how, err := chooseHow(live, manifest, exists, fresh())
	if err != nil {
		return none, none, err
	}
	options := append([]client.PatchOption{client.DryRunAll, client.FieldOwner(how.manager)}, how.options...)
	return live, after, c.Patch(ctx, after, client.RawPatch(how.kind, how.patch), options...)
}

// withoutServersPart is a document without what only the API server writes, which exported
// manifests have.
func withoutServersPart(d Document) *unstructured.Unstructured {
	object := d.DeepCopy()
	object.SetManagedFields(nil)
	object.SetResourceVersion("")
	object.SetUID("")
	object.SetGeneration(0)
	object.SetCreationTimestamp(metav1.Time{})
	delete(object.Object, "status")
	return object
}

// how is a way to apply.
type how struct {
	kind    types.PatchType
	patch   []byte
	manager string
	options []client.PatchOption
}

// chooseHow finds out how an object was applied before.
func chooseHow(live client.Object, manifest []byte, exists bool, kind client.Object) (how, error) {
	byServer := how{kind: types.ApplyPatchType, patch: manifest, manager: kubectl, options: []client.PatchOption{client.ForceOwnership}}
	if !exists {
		return byServer, nil
	}
	if last := live.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; last != "" {
		return threeWay([]byte(last), manifest, live, kind, kubectlHere)
	}
	var newest *metav1.ManagedFieldsEntry
	var helms *metav1.ManagedFieldsEntry
	fields := live.GetManagedFields()
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Subresource != "":
		case f.Operation == metav1.ManagedFieldsOperationApply && ownsSpec(f):
			if newest == nil || newest.Time.Before(f.Time) {
				newest = f
			}
		case f.Operation == metav1.ManagedFieldsOperationUpdate && f.Manager == helm:
			helms = f
		}
	}
	if newest != nil {
		byServer.manager = newest.Manager
		return byServer, nil
	}
	if helms == nil {
		return byServer, nil
	}
	last, err := ownedBy(live, helms)
	if err != nil {
		return how{}, err
	}
	return threeWay(last, manifest, live, kind, helm)
}

// threeWay patches what differs from the live object, and removes what was in the last
// manifest and is not in this one, as kubectl does and Helm.
func threeWay(last, manifest []byte, live, kind client.Object, manager string) (how, error) {
	current, err := json.Marshal(live)
	if err != nil {
		return how{}, err
	}
	validated := []client.PatchOption{client.FieldValidation(metav1.FieldValidationStrict)}
	if _, isCustom := kind.(*v1alpha1.StatefulSetPolicy); isCustom { // which knows no strategic patch
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(last, manifest, current)
		return how{kind: types.MergePatchType, patch: patch, manager: manager, options: validated}, err
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(kind)
	if err != nil {
		return how{}, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(last, manifest, current, meta, true)
	return how{kind: types.StrategicMergePatchType, patch: patch, manager: manager, options: validated}, err
}
