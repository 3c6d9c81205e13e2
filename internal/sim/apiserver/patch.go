package apiserver

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patch changes the object that o names by a merge patch or a strategic merge
// patch, and fills o in with what became of it. A resourceVersion in the patch
// must be the object's; a UID must too, and is refused as an attempt to change it.
func (s *Server) Patch(o client.Object, t types.PatchType, data []byte) error {
	return s.patch(o, t, data, s.storeAllButStatus)
}

func (s *Server) patch(o client.Object, t types.PatchType, data []byte, store func(k Kind, old, updated client.Object) error) error {
	k, key := KindOf(o), client.ObjectKeyFromObject(o)
	old, err := s.Get(k, key)
	if err != nil {
		return err
	}
	before, err := json.Marshal(old)
	if err != nil {
		return err
	}
	var after []byte
	switch t {
	case types.MergePatchType:
		after, err = jsonpatch.MergePatch(before, data)
	case types.StrategicMergePatchType:
		after, err = strategicpatch.StrategicMergePatch(before, data, empty(k))
	default:
		err = fmt.Errorf("patches of type %s are not served", t)
	}
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	updated := empty(k)
	if err := json.Unmarshal(after, updated); err != nil {
		return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), string(data), err.Error())})
	}
	if updated.GetResourceVersion() != old.GetResourceVersion() {
		return conflict(k, key, "the object has been modified; please apply your changes to the latest version and try again")
	}
	if err := store(k, old, updated); err != nil {
		return err
	}
	s.answer(o, k, old, updated)
	return nil
}

func empty(k Kind) client.Object {
	switch k {
	case sets:
		return &appsv1.StatefulSet{}
	case revisions:
		return &appsv1.ControllerRevision{}
	case pods:
		return &corev1.Pod{}
	case claims:
		return &corev1.PersistentVolumeClaim{}
	}
	return &corev1.Service{}
}
