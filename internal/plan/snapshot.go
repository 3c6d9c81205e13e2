package plan

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// A Snapshot is all that a plan may depend on. Its objects come from a cache
// and must not be modified.
type Snapshot struct {
	Now time.Time
	// FirstSeen is when the controller first saw the set, zero for long ago. The
	// set's own creation time is in whole seconds, too coarse for short waits.
	FirstSeen time.Time
	Set       *appsv1.StatefulSet
	// Template is the revision.Data of Set, nil for what has to be encoded: half of
	// planning is that.
	Template []byte

	// Pods are those that bear the name of a member, whoever owns them, and
	// those that the set owns, whatever their name.
	Pods []*corev1.Pod
	// Claims are the existing ones of all Ordinals and of all Pods, by name.
	Claims map[string]*corev1.PersistentVolumeClaim
	// Revisions are those that the set owns, and those that match its selector
	// and have no owner, in any order.
	Revisions []*appsv1.ControllerRevision
	// Policies are those whose target is the set, in any order.
	Policies []*v1alpha1.StatefulSetPolicy
	// Service is the one that spec.serviceName names, nil if there is none.
	Service *corev1.Service
	// NoServiceSince is since when there is none, as far as the controller has seen; zero
	// for as long as it knows.
	NoServiceSince time.Time
	// ServiceRefused is the last write of it that the API server refused, nil for none.
	ServiceRefused *ServiceRefusal
	// NamespaceEnds is set once the API server has refused a write since the namespace is
	// being deleted: nothing is made in it any more.
	NamespaceEnds bool
	// LastService is the one that there was last, as far as the controller has seen; nil
	// for none.
	LastService *corev1.Service
	// Sharing are the other sets of the namespace with the same spec.serviceName.
	Sharing []Sharer
	// Neighbours are the pods of the namespace that are not among Pods, where
	// NeedsNeighbours asks for them.
	Neighbours []*corev1.Pod

	// Failures remembers, by ordinal, the pods that failed and were replaced.
	// It is what the last plan returned; nothing is lost if it is empty.
	Failures map[int]Failure
	// Healed lists the ordinals whose pods heal took and that have not started again. It
	// is what the last plan returned. If it is lost, such an ordinal may have to wait for
	// those before it.
	Healed []int
	// Bore is which revision the pod of an ordinal had that has none now, by its name. It is
	// what the last plan returned. If it is lost, a pod that comes back while a roll-out is
	// paused comes back at the current revision.
	Bore map[int]string
	// Refused is the first write that the API server refused in the last pass with one,
	// nil if none is outstanding.
	Refused *Refusal
	// Closely are pods as the API server has them now, whole, by their UIDs: those that the
	// plan's Looks asked for.
	Closely map[types.UID]*corev1.Pod
	// DryRuns are what the API server said to the pods that the last plans' DryRuns asked about,
	// by the same keys. If they are lost, it is asked again.
	DryRuns map[string]DryRun
	// ClaimsClosely are claims as the API server has them now, whole, by their UIDs: those
	// that the plan's ClaimLooks asked for.
	ClaimsClosely map[types.UID]*corev1.PersistentVolumeClaim
	// ClaimsGone are those of the plan's ClaimLooks that do not exist, by name.
	ClaimsGone map[string]bool
	// Volumes are what is known of PersistentVolumes, by name. If it is lost, they are read
	// again.
	Volumes map[string]Volume
	// ClaimsRefused are the last changes of claims that were refused, by the claims' UIDs. If
	// they are lost, the changes are tried again.
	ClaimsRefused map[types.UID]ClaimRefusal
	// NoResize says that the API server cannot resize pods, ResizeRefused which resize it
	// has refused for good, nil for none.
	NoResize      bool
	ResizeRefused *ResizeRefusal
	// HookRuns are the last runs of hooks, in any order. If they are lost, hooks are run
	// again.
	HookRuns []HookRun
	// EvictionRefused is what a PodDisruptionBudget said to the last eviction, nil if that
	// succeeded. It is what the last pass found; if it is lost, the budget is asked again.
	EvictionRefused *EvictionRefusal
	// Reported are what others recorded about the objects of the last plan's Asks, in any
	// order.
	Reported []Report
	// Leaving are those of Set and Sharing that are being given back to the in-tree
	// controller, by name.
	Leaving []string
	// Disabled lists the improvements over upstream that are switched off for
	// all sets; the set's own annotation adds to it.
	Disabled []Feature
}

// A Sharer is another set with the same governing Service, and the revisions that it owns.
type Sharer struct {
	Set       *appsv1.StatefulSet
	Revisions []*appsv1.ControllerRevision
}

// Failure counts the replacements of one ordinal's failed pods.
type Failure struct {
	Count int
	Last  time.Time
}

// Refusal is a write that did not succeed.
type Refusal struct {
	Reason  string // as in the event: "FailedCreate"
	Message string
	// Final is set if the API server will never accept the write as it is, whatever
	// else changes.
	Final bool
}

// ServiceRefusal is a write of the governing Service that did not succeed. Pods do without.
type ServiceRefusal struct {
	Refusal
	At time.Time
}

// ResizeRefusal is why the API server does not resize a pod.
type ResizeRefusal struct {
	UID     types.UID
	Message string
}

// Feature names one improvement over the in-tree controller that can be
// switched off. docs/deviations.md explains each.
type Feature string

const (
	Heal             Feature = "heal"
	GoverningService Feature = "governing-service"
	Conditions       Feature = "conditions"
	ScaleDownPast    Feature = "scale-down-past-broken"
	BackOff          Feature = "back-off"
)

// Features lists every Feature, for help texts and validation.
func Features() []Feature {
	return []Feature{Heal, GoverningService, Conditions, ScaleDownPast, BackOff}
}

// FeatureNames is the names of all, for a person.
func FeatureNames() string {
	return strings.Join(lines(Features(), func(f Feature) string { return string(f) }), ", ")
}

// DisableAnnotation on a set switches features off for it: a comma-separated
// list of their names.
const DisableAnnotation = "ordinal.dev/disable"

func (s *Snapshot) enabled(f Feature) bool { return s.enabledFor(s.Set, f) }

func (s *Snapshot) enabledFor(set *appsv1.StatefulSet, f Feature) bool {
	return !slices.Contains(s.Disabled, f) && !slices.Contains(switchedOff(set), f)
}

// switchedOff lists what the set's annotation switches off.
func switchedOff(set *appsv1.StatefulSet) []Feature {
	var all []Feature
	for name := range strings.SplitSeq(set.Annotations[DisableAnnotation], ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, Feature(name))
		}
	}
	return all
}
