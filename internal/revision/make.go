package revision

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"

	"ordinal.dev/ordinal/internal/identity"
)

// HashLabel is the label of a ControllerRevision that holds its data's hash.
const HashLabel = "controller.kubernetes.io/hash"

// New makes the revision that records the set's pod template. collisions is how
// often a name made for this set was already taken by other data.
func New(set *appsv1.StatefulSet, number int64, collisions int32) (*appsv1.ControllerRevision, error) {
	data, err := Data(set)
	if err != nil {
		return nil, err
	}
	return record(set, data, number, collisions), nil
}

// record makes the revision of the set with this data.
func record(set *appsv1.StatefulSet, data []byte, number int64, collisions int32) *appsv1.ControllerRevision {
	hash := Hash(data, collisions)
	labels := maps.Clone(set.Spec.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[HashLabel] = hash
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name:            Name(set.Name, hash),
			Namespace:       set.Namespace,
			Labels:          labels,
			Annotations:     maps.Clone(set.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, identity.SetKind)},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: number,
	}
}

// Data is the patch that puts the set's present pod template back: the shape
// {"spec":{"template":{…,"$patch":"replace"}}}. The template goes through
// untyped JSON because its bytes are compared with those of other controllers,
// and that is how they are made there.
func Data(set *appsv1.StatefulSet) ([]byte, error) {
	encoded, err := json.Marshal(&set.Spec.Template)
	if err != nil {
		return nil, fmt.Errorf("encode the pod template of %s: %w", set.Name, err)
	}
	var template map[string]any
	if err := json.Unmarshal(encoded, &template); err != nil {
		return nil, fmt.Errorf("decode the pod template of %s: %w", set.Name, err)
	}
	template["$patch"] = "replace"
	return json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
}

// Hash is the hash of a revision's data, in letters that spell no words.
func Hash(data []byte, collisions int32) string {
	h := fnv.New32()
	h.Write(data)
	h.Write([]byte(strconv.FormatInt(int64(collisions), 10)))
	return rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
}

// Name is the revision's name, "web-6d4b75cb6d". Pods carry it as a label, so
// where it would pass the 63 characters of a label value, and upstream could
// create no pod at all (kubernetes#64023), the set's part of it is cut.
func Name(set, hash string) string {
	if room := validation.LabelValueMaxLength - len("-") - len(hash); len(set) > room {
		set = strings.TrimRight(set[:room], ".") // no name has a dash after a dot
	}
	return set + "-" + hash
}

// fits reports whether pods can carry the revision's name as a label.
func fits(r *appsv1.ControllerRevision) bool { return len(r.Name) <= validation.LabelValueMaxLength }

// Template is the pod template that a revision records.
func Template(revision *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, error) {
	var patch struct {
		Spec struct {
			Template *corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(revision.Data.Raw, &patch); err != nil {
		return nil, fmt.Errorf("decode revision %s: %w", revision.Name, err)
	}
	if patch.Spec.Template == nil {
		return nil, fmt.Errorf("revision %s holds no pod template", revision.Name)
	}
	return patch.Spec.Template, nil
}
