package integration

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// A change is something that a request asks for. What it needs to know of a server,
// such as the UID of an owner, it reads there.
type change struct {
	text  string
	apply func(s *side, o client.Object)
}

func pick[T any](g *generator, all []T) T { return all[g.IntN(len(all))] }

// change is one to what is there: of its metadata, or of what its kind has.
func (g *generator) change(k apiserver.Kind) change {
	if g.chance(55) {
		return g.changeMetadata(k)
	}
	return pick(g, changes[k])
}

// changeMade is one to what is about to be created.
func (g *generator) changeMade(k apiserver.Kind) change {
	if g.chance(15) {
		return pick(g, mistakes)
	}
	return g.change(k)
}

// guard says which version of an object a write is about.
func (g *generator) guard() change {
	switch n := g.IntN(100); {
	case n < 60:
		return change{apply: func(*side, client.Object) {}}
	case n < 75:
		return change{"of whatever version", func(_ *side, o client.Object) { o.SetResourceVersion("") }}
	case n < 83:
		return change{"of another version", func(_ *side, o client.Object) { o.SetResourceVersion("1") }}
	case n < 92:
		return change{"without its UID", func(_ *side, o client.Object) { o.SetUID("") }}
	}
	return change{"with another UID", func(_ *side, o client.Object) { o.SetUID(noUID) }}
}

func (g *generator) changeMetadata(k apiserver.Kind) change {
	switch n := g.IntN(100); {
	case n < 15:
		value := fmt.Sprint(g.IntN(3))
		return change{"label tier=" + value, func(_ *side, o client.Object) {
			labels := map[string]string{"tier": value}
			for key, v := range o.GetLabels() {
				if key != "tier" {
					labels[key] = v
				}
			}
			o.SetLabels(labels)
		}}
	case n < 25:
		return change{"no labels", func(_ *side, o client.Object) { o.SetLabels(nil) }}
	case n < 45:
		name := pick(g, finalizers)
		return change{"finalizer " + name, func(_ *side, o client.Object) {
			if !slices.Contains(o.GetFinalizers(), name) {
				o.SetFinalizers(append(o.GetFinalizers(), name))
			}
		}}
	case n < 60:
		return change{"no finalizers", func(_ *side, o client.Object) { o.SetFinalizers(nil) }}
	case n < 85 && k != sets:
		owner := g.owner(k)
		return change{owner.text, func(s *side, o client.Object) {
			ref := owner.make(s)
			rest := slices.DeleteFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == ref.UID })
			o.SetOwnerReferences(append(rest, ref))
		}}
	case n < 92:
		return change{"no owners", func(_ *side, o client.Object) { o.SetOwnerReferences(nil) }}
	case n < 95:
		return pick(g, mistakes)
	}
	return change{text: "nothing new", apply: func(*side, client.Object) {}}
}

// finalizers are two that nobody serves.
var finalizers = []string{"example.com/hold", "example.com/keep"}

// ownership is an owner reference, as a server has the owner.
type ownership struct {
	text string
	make func(s *side) metav1.OwnerReference
}

// owner is a set for all but sets, or a pod for claims, whether it is there or not.
func (g *generator) owner(k apiserver.Kind) ownership {
	t := pick(g, []target{{sets, "web"}, {sets, "web"}, {sets, "db"}})
	ref := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: t.name}
	if k == claims && g.chance(40) {
		t = pick(g, []target{{pods, "web-0"}, {pods, "web-1"}})
		ref = metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: t.name}
	}
	text := "owner " + t.String()
	// What an object is that is given to an owner in deletion, the real garbage
	// collector sees only when something else happens to the owner.
	going := g.isGoing(t)
	if going {
		text = "an owner that has never been"
	}
	if g.chance(50) {
		ref.Controller = ptr.To(true)
		text += " that controls it"
	}
	if g.chance(50) {
		ref.BlockOwnerDeletion = ptr.To(true)
		text += " and waits for it"
	}
	return ownership{text, func(s *side) metav1.OwnerReference {
		is := ref
		if is.UID = s.latest[t.String()]; is.UID == "" || going {
			is.UID = noUID
		}
		return is
	}}
}

// mistakes are what every server refuses or ignores.
var mistakes = []change{
	{"a label with spaces", func(_ *side, o client.Object) { o.SetLabels(map[string]string{"app": "not valid"}) }},
	{"a finalizer without a domain", func(_ *side, o client.Object) { o.SetFinalizers([]string{"hold"}) }},
	{"an owner without a UID", func(_ *side, o client.Object) {
		o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web"}})
	}},
	{"two controllers", func(_ *side, o client.Object) {
		ref := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "a", Controller: ptr.To(true)}
		other := ref
		other.UID = "b"
		o.SetOwnerReferences([]metav1.OwnerReference{ref, other})
	}},
	{"a name with capitals", func(_ *side, o client.Object) { o.SetName("Web") }},
	{"generation 7", func(_ *side, o client.Object) { o.SetGeneration(7) }},
	{"a time of deletion", func(_ *side, o client.Object) { o.SetDeletionTimestamp(&epoch) }},
	{"a time of creation", func(_ *side, o client.Object) { o.SetCreationTimestamp(epoch) }},
	{"a resourceVersion", func(_ *side, o client.Object) { o.SetResourceVersion("1") }},
	{"a UID", func(_ *side, o client.Object) { o.SetUID(noUID) }},
}

var epoch = metav1.Unix(1_000_000_000, 0)

func ofSet(text string, edit func(spec *appsv1.StatefulSetSpec)) change {
	return change{text, func(_ *side, o client.Object) { edit(&o.(*appsv1.StatefulSet).Spec) }}
}

func ofPod(text string, edit func(pod *corev1.Pod)) change {
	return change{text, func(_ *side, o client.Object) { edit(o.(*corev1.Pod)) }}
}

func ofClaim(text string, edit func(claim *corev1.PersistentVolumeClaim)) change {
	return change{text, func(_ *side, o client.Object) { edit(o.(*corev1.PersistentVolumeClaim)) }}
}

func ofService(text string, edit func(spec *corev1.ServiceSpec)) change {
	return change{text, func(_ *side, o client.Object) { edit(&o.(*corev1.Service).Spec) }}
}

// changes are those to what a kind has beyond metadata, permitted or not.
var changes = map[apiserver.Kind][]change{
	sets: {
		ofSet("3 replicas", func(spec *appsv1.StatefulSetSpec) { spec.Replicas = ptr.To[int32](3) }),
		ofSet("-1 replicas", func(spec *appsv1.StatefulSetSpec) { spec.Replicas = ptr.To[int32](-1) }),
		ofSet("default replicas", func(spec *appsv1.StatefulSetSpec) { spec.Replicas = nil }),
		ofSet("another image", func(spec *appsv1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = "app:2" }),
		ofSet("other template labels", func(spec *appsv1.StatefulSetSpec) { spec.Template.Labels = map[string]string{"app": "db"} }),
		ofSet("more template labels", func(spec *appsv1.StatefulSetSpec) {
			spec.Template.Labels = map[string]string{"app": "web", "tier": "1"}
		}),
		ofSet("another selector", func(spec *appsv1.StatefulSetSpec) {
			spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}
		}),
		ofSet("no selector", func(spec *appsv1.StatefulSetSpec) { spec.Selector = nil }),
		ofSet("an empty selector", func(spec *appsv1.StatefulSetSpec) { spec.Selector = &metav1.LabelSelector{} }),
		ofSet("another service", func(spec *appsv1.StatefulSetSpec) { spec.ServiceName = "others" }),
		ofSet("Parallel", func(spec *appsv1.StatefulSetSpec) { spec.PodManagementPolicy = appsv1.ParallelPodManagement }),
		ofSet("no claim templates", func(spec *appsv1.StatefulSetSpec) { spec.VolumeClaimTemplates = nil }),
		ofSet("OnDelete", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
		}),
		ofSet("Recreate", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: "Recreate"}
		}),
		ofSet("an update strategy that is none", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: "Hope"}
		}),
		ofSet("the default update strategy", func(spec *appsv1.StatefulSetSpec) { spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{} }),
		ofSet("partition 1", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](1)}}
		}),
		ofSet("maxUnavailable 2", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{MaxUnavailable: ptr.To(intstr.FromInt32(2))}}
		}),
		ofSet("maxUnavailable 0", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{MaxUnavailable: ptr.To(intstr.FromInt32(0))}}
		}),
		ofSet("partition -1", func(spec *appsv1.StatefulSetSpec) {
			spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](-1)}}
		}),
		ofSet("start at 2", func(spec *appsv1.StatefulSetSpec) { spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 2} }),
		ofSet("start at -2", func(spec *appsv1.StatefulSetSpec) { spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: -2} }),
		ofSet("5 ready seconds", func(spec *appsv1.StatefulSetSpec) { spec.MinReadySeconds = 5 }),
		ofSet("-5 ready seconds", func(spec *appsv1.StatefulSetSpec) { spec.MinReadySeconds = -5 }),
		ofSet("claims go with scaling", func(spec *appsv1.StatefulSetSpec) {
			spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType}
		}),
		ofSet("a retention policy that is none", func(spec *appsv1.StatefulSetSpec) {
			spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: "Hope"}
		}),
		ofSet("history of 2", func(spec *appsv1.StatefulSetSpec) { spec.RevisionHistoryLimit = ptr.To[int32](2) }),
		{"a status", func(_ *side, o client.Object) { o.(*appsv1.StatefulSet).Status.Replicas = 9 }},
	},
	revisions: {
		{"revision 5", func(_ *side, o client.Object) { o.(*appsv1.ControllerRevision).Revision = 5 }},
		{"revision -5", func(_ *side, o client.Object) { o.(*appsv1.ControllerRevision).Revision = -5 }},
		{"other data", func(_ *side, o client.Object) { o.(*appsv1.ControllerRevision).Data.Raw = []byte(`{"spec":{}}`) }},
		{"no data", func(_ *side, o client.Object) { o.(*appsv1.ControllerRevision).Data.Raw = nil }},
	},
	pods: {
		ofPod("another image", func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "app:2" }),
		ofPod("another container", func(pod *corev1.Pod) { pod.Spec.Containers[0].Name = "other" }),
		ofPod("a node", func(pod *corev1.Pod) { pod.Spec.NodeName = nowhere }),
		ofPod("a claim", func(pod *corev1.Pod) { pod.Spec.Volumes = []corev1.Volume{claimVolume("data-" + pod.Name)} }),
		ofPod("a grace period of 5", func(pod *corev1.Pod) { pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](5) }),
		ofPod("a grace period of 0", func(pod *corev1.Pod) { pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0) }),
		ofPod("a deadline", func(pod *corev1.Pod) { pod.Spec.ActiveDeadlineSeconds = ptr.To[int64](1000) }),
		ofPod("a hostname", func(pod *corev1.Pod) { pod.Spec.Hostname = pod.Name }),
		ofPod("a status", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }),
	},
	claims: {
		ofClaim("a volume", func(claim *corev1.PersistentVolumeClaim) { claim.Spec.VolumeName = "volume" }),
		ofClaim("another class", func(claim *corev1.PersistentVolumeClaim) { claim.Spec.StorageClassName = ptr.To("other") }),
		ofClaim("more space", func(claim *corev1.PersistentVolumeClaim) {
			claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Mi")}
		}),
		ofClaim("a status", func(claim *corev1.PersistentVolumeClaim) { claim.Status.Phase = corev1.ClaimLost }),
	},
	services: {
		{"another selector", func(_ *side, o client.Object) {
			o.(*corev1.Service).Spec.Selector = map[string]string{"app": "db"}
		}},
		{"ready addresses only", func(_ *side, o client.Object) { o.(*corev1.Service).Spec.PublishNotReadyAddresses = false }},
		{"no ports", func(_ *side, o client.Object) { o.(*corev1.Service).Spec.Ports = nil }},
		ofService("an address, if it has none", func(spec *corev1.ServiceSpec) { spec.ClusterIP, spec.ClusterIPs = "", nil }),
		ofService("no address", func(spec *corev1.ServiceSpec) {
			spec.ClusterIP, spec.ClusterIPs = corev1.ClusterIPNone, []string{corev1.ClusterIPNone}
		}),
		ofService("a port of the nodes'", func(spec *corev1.ServiceSpec) { spec.Type = corev1.ServiceTypeNodePort }),
		ofService("two ports, one without a name", func(spec *corev1.ServiceSpec) {
			spec.Ports = append(slices.Clone(spec.Ports), corev1.ServicePort{Port: 81})
		}),
		ofService("two ports, and no defaults", func(spec *corev1.ServiceSpec) {
			spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "more", Port: 81}}
		}),
	},
}

func claimVolume(claim string) corev1.Volume {
	return corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}
}

// empty names an object and says nothing else of it.
func empty(t target, namespace string) client.Object {
	at := metav1.ObjectMeta{Namespace: namespace, Name: t.name}
	switch t.kind {
	case sets:
		return &appsv1.StatefulSet{ObjectMeta: at}
	case revisions:
		return &appsv1.ControllerRevision{ObjectMeta: at}
	case pods:
		return &corev1.Pod{ObjectMeta: at}
	case claims:
		return &corev1.PersistentVolumeClaim{ObjectMeta: at}
	}
	return &corev1.Service{ObjectMeta: at}
}

// changeStatus is what those report that carry a set or a pod out.
func (g *generator) changeStatus(k apiserver.Kind) change {
	switch k {
	case sets:
		n, ready := int32(g.IntN(4)), int32(g.IntN(4)-1)
		available := int32(g.IntN(4))
		return change{fmt.Sprintf("%d replicas, %d ready, %d available", n, ready, available), func(_ *side, o client.Object) {
			o.(*appsv1.StatefulSet).Status = appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: n, ReadyReplicas: ready, AvailableReplicas: available}
		}}
	case pods:
		phase := pick(g, []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodRunning, corev1.PodFailed, corev1.PodSucceeded})
		return change{string(phase), func(_ *side, o client.Object) {
			o.(*corev1.Pod).Status = corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: epoch}}}
		}}
	case claims:
		// Of a claim that is bound the real controllers go on to say whether it is used.
		phase := pick(g, []corev1.PersistentVolumeClaimPhase{corev1.ClaimPending, corev1.ClaimLost})
		return change{string(phase), func(_ *side, o client.Object) {
			o.(*corev1.PersistentVolumeClaim).Status = corev1.PersistentVolumeClaimStatus{Phase: phase}
		}}
	}
	return change{text: "nothing", apply: func(*side, client.Object) {}}
}
