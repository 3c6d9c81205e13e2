package sim

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// shape is what a set is like that its user does not change.
type shape struct {
	parallel bool
	claims   bool
	half     bool   // of its pods, the last is updated already
	policy   string // whenDeleted/whenScaled
	image    string // how it behaves
	minReady int32
	history  int32

	size        string // of claims; empty for one that nobody knows
	service     string // spec.serviceName, if it is not the set's name
	role        bool   // the selector has a label that several sets have, and one of the set's own
	expressions bool   // the selector has expressions
	version     bool   // the template has a label that changes with each image
	ports       bool   // and a port that does
	abrupt      bool   // pods have no time to stop
}

// shapeOf reads a shape: a number stands for any, and each word after it, or without
// one, sets something.
func shapeOf(text string) shape {
	s := shape{policy: "Retain/Retain", image: good, history: 10}
	for word := range strings.FieldsSeq(text) {
		if seed, err := strconv.ParseUint(word, 10, 64); err == nil {
			s = anyShape(rand.New(rand.NewPCG(seed, 1)))
			continue
		}
		s.set(word)
	}
	return s
}

func anyShape(r *rand.Rand) shape {
	s := shape{image: good, history: 10}
	s.parallel, s.claims = r.IntN(3) == 0, r.IntN(4) > 0
	s.policy = []string{"Retain/Retain", "Delete/Retain", "Retain/Delete", "Delete/Delete"}[r.IntN(4)]
	if r.IntN(4) == 0 {
		s.minReady = int32(r.IntN(15))
	}
	if r.IntN(4) == 0 {
		s.history = int32(r.IntN(2))
	}
	s.half = r.IntN(2) == 0
	s.version, s.ports = r.IntN(3) == 0, r.IntN(4) == 0
	s.expressions, s.abrupt = r.IntN(6) == 0, r.IntN(12) == 0
	return s
}

func (s *shape) set(word string) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "parallel":
		s.parallel = true
	case "claims":
		s.claims = true
	case "half":
		s.half = true
	case "size":
		s.size = value
	case "service":
		s.service = value
	case "role":
		s.role, s.expressions = true, false
	case "expressions":
		s.expressions = true
	case "version":
		s.version = true
	case "ports":
		s.ports = true
	case "abrupt":
		s.abrupt = true
	default:
		if strings.Contains(word, "/") {
			s.policy = word
		} else {
			s.image = word
		}
	}
}

func newSet(name string, replicas int, s shape) *appsv1.StatefulSet {
	labels := map[string]string{"app": name}
	if s.role {
		labels = map[string]string{"app": "shop", "role": name}
	}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(replicas)), ServiceName: cmp.Or(s.service, name), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(labels)},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
			},
			MinReadySeconds: s.minReady, RevisionHistoryLimit: ptr.To(s.history),
		},
	}
	if s.parallel {
		set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	}
	if s.claims {
		set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
		s.sizeClaims(&set.Spec.VolumeClaimTemplates[0])
		set.Spec.PersistentVolumeClaimRetentionPolicy = policyOf(s.policy)
	}
	s.template(&set.Spec)
	setImage(set, "app:1-"+s.image)
	return set
}

// template gives a set's template what is not the same for every set.
func (s *shape) template(spec *appsv1.StatefulSetSpec) {
	if s.expressions {
		spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{spec.Template.Labels["app"], "another"}},
		}}
	}
	if s.version {
		spec.Template.Labels[releaseLabel] = ""
	}
	if s.ports {
		spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "main"}}
	}
	if s.abrupt {
		spec.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0)
	}
}

// releaseLabel is one that no selector asks for, and that changes with each image.
const releaseLabel = "release"

// setImage gives a set an image, and what comes with it: app:7-good is release 7, and
// listens to port 8007.
func setImage(set *appsv1.StatefulSet, image string) {
	template := &set.Spec.Template
	template.Spec.Containers[0].Image = image
	release, _, _ := strings.Cut(strings.TrimPrefix(image, "app:"), "-")
	if _, has := template.Labels[releaseLabel]; has {
		template.Labels[releaseLabel] = release
	}
	if ports := template.Spec.Containers[0].Ports; len(ports) > 0 {
		number, _ := strconv.Atoi(release) // every image has one
		ports[0].ContainerPort = 8000 + int32(number)
	}
}
