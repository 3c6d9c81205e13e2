package override

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

const (
	// Label on a pod is the hash of the override that it was made with. A pod that was made
	// without one does not have it.
	Label = "ordinal.dev/override-hash"
	// Annotation on a pod is the text of that override.
	Annotation = "ordinal.dev/override"
)

// longestNote is how long the text of an override may be to be noted on pods: caches keep
// those notes. Of a pod that has none it cannot be told what another override changes.
const longestNote = 4 << 10

// An Override is all that is put over the template for an ordinal; nil is nothing.
type Override struct {
	hash, text string
	patches    []json.RawMessage
	indices    []int // of the patches in spec.members.overrides; none for one that a pod notes
}

// Hash is the same for the same patches in the same order, and empty for nothing.
func (o *Override) Hash() string {
	if o == nil {
		return ""
	}
	return o.hash
}

// Note is the text to note on pods; ok is false for none.
func (o *Override) Note() (text string, ok bool) {
	if o == nil || len(o.text) > longestNote {
		return "", false
	}
	return o.text, true
}

// String names what it consists of: "overrides[0] and overrides[2]".
func (o *Override) String() string {
	var names []string
	for _, i := range o.indices {
		names = append(names, nameOf(i))
	}
	return strings.Join(names, " and ")
}

func nameOf(index int) string { return fmt.Sprintf("overrides[%d]", index) }

// Overrides are those of a policy; the zero value has none. They are for one goroutine.
type Overrides struct {
	ranges    [][]identity.Range // by the index of an override
	patches   []json.RawMessage
	made      map[uint64]*Override // by which of all they consist of
	byOrdinal map[int]*Override    // those that were asked for
}

// mostOverrides is how many a policy can have at most, which the CRD says, too: they are
// counted in bits.
const mostOverrides = 64

// Of are the overrides of a policy.
func Of(members *v1alpha1.Members) Overrides {
	if members == nil || len(members.Overrides) == 0 {
		return Overrides{}
	}
	o := Overrides{made: map[uint64]*Override{}, byOrdinal: map[int]*Override{}}
	for i := range members.Overrides[:min(len(members.Overrides), mostOverrides)] {
		one := &members.Overrides[i]
		o.patches = append(o.patches, canonical(&one.Template))
		var ranges []identity.Range
		for _, text := range one.Ordinals {
			if r, err := identity.ParseRange(string(text)); err == nil {
				ranges = append(ranges, r)
			}
		}
		o.ranges = append(o.ranges, ranges)
	}
	return o
}

// canonical is a patch with its fields in order: it may come in any. One that is no JSON,
// which no API server hands out, is null.
func canonical(template *v1alpha1.TemplateOverride) json.RawMessage {
	var plain any
	if data, err := json.Marshal(template); err == nil && json.Unmarshal(data, &plain) == nil {
		if data, err = json.Marshal(plain); err == nil {
			return data
		}
	}
	return json.RawMessage("null")
}

// For is what is put over the template for an ordinal, nil for nothing.
func (o *Overrides) For(ordinal int) *Override {
	if len(o.patches) == 0 {
		return nil
	}
	made, has := o.byOrdinal[ordinal]
	if !has {
		made = o.find(ordinal)
		o.byOrdinal[ordinal] = made
	}
	return made
}

func (o *Overrides) find(ordinal int) *Override {
	var which uint64
	for i, ranges := range o.ranges {
		if slices.ContainsFunc(ranges, func(r identity.Range) bool { return r.Contains(ordinal) }) {
			which |= 1 << i
		}
	}
	if which != 0 && o.made[which] == nil {
		o.made[which] = o.combine(which)
	}
	return o.made[which]
}

func (o *Overrides) combine(which uint64) *Override {
	made := &Override{}
	for i, patch := range o.patches {
		if which&(1<<i) != 0 {
			made.patches, made.indices = append(made.patches, patch), append(made.indices, i)
		}
	}
	text, err := json.Marshal(made.patches)
	if err != nil {
		panic(err) // each of them was encoded before
	}
	made.text, made.hash = string(text), hashOf(text)
	return made
}

// hashOf is a hash in letters that spell no words, as those of revisions are.
func hashOf(text []byte) string {
	h := fnv.New64a()
	h.Write(text)
	return rand.SafeEncodeString(strconv.FormatUint(h.Sum64(), 36))
}

// BuildOf is what a pod was made from: its revision's name, and after a plus, the hash of its
// override, if it has one.
func BuildOf(pod *corev1.Pod) string { return Build(identity.Revision(pod), HashOn(pod)) }

// Build is BuildOf pods of a revision with an override of this hash.
func Build(revision, hash string) string {
	if hash == "" {
		return revision
	}
	return revision + "+" + hash
}

// HashOn is the hash of the override that a pod was made with, empty for none.
func HashOn(pod *corev1.Pod) string { return pod.Labels[Label] }

// On is the override that a pod was made with, nil for none. It is an error if the pod does
// not say which one that was.
func On(pod *corev1.Pod) (*Override, error) {
	hash, text := HashOn(pod), pod.Annotations[Annotation]
	if hash == "" {
		return nil, nil
	}
	o := &Override{hash: hash, text: text}
	if hashOf([]byte(text)) != hash || json.Unmarshal([]byte(text), &o.patches) != nil {
		return nil, fmt.Errorf("the pod does not say with which override it was made")
	}
	return o, nil
}

// Mark notes on a new pod with what override it was made.
func Mark(pod *corev1.Pod, o *Override) {
	delete(pod.Labels, Label)
	delete(pod.Annotations, Annotation)
	if o == nil {
		return
	}
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[Label] = o.hash
	if text, ok := o.Note(); ok {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[Annotation] = text
	}
}
