package interlock

import (
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/fence"
)

// What is wrong with policy or binding.
const (
	missing = "is missing: install Ordinal's chart or install.yaml again"
	altered = "is not as it must be: install Ordinal's chart or install.yaml again"
	ending  = "is being deleted"
)

// Policy takes in how the policy is now; nil for missing.
func (i *Interlock) Policy(is *admissionv1.ValidatingAdmissionPolicy) {
	now := part{fault: missing}
	if is != nil {
		now = partOf(is, equality.Semantic.DeepEqual(is.Spec, fence.Policy().Spec))
	}
	i.set(&i.policy, now)
}

// Binding takes in how the binding is now; nil for missing.
func (i *Interlock) Binding(is *admissionv1.ValidatingAdmissionPolicyBinding) {
	now := part{fault: missing}
	if is != nil {
		now = partOf(is, equality.Semantic.DeepEqual(is.Spec, fence.Binding().Spec))
	}
	i.set(&i.binding, now)
}

// Unserved takes in that the API server has no such policies.
func (i *Interlock) Unserved(why string) { i.set(&i.policy, part{fault: why}) }

func partOf(is metav1.Object, same bool) part {
	p := part{version: fmt.Sprint(is.GetUID(), "/", is.GetGeneration())}
	switch {
	case is.GetDeletionTimestamp() != nil:
		p.fault = ending
	case !same:
		p.fault = altered
	}
	return p
}

// set has everything proven anew when a part is another, though it be the same again: a
// watch that was away may have missed that it was gone.
func (i *Interlock) set(of *part, now part) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if *of == now {
		return
	}
	*of = now
	if i.policy.fault != unseen && i.binding.fault != unseen {
		i.listener.FenceIs(i.fault())
	}
	i.listener.Changed()
	for name, s := range i.spaces {
		if i.mode == fence.Fenced && s.charge.Fenced() {
			i.stop(name, s, i.unproven(name))
			s.proving = proving{}
		}
	}
}

// unproven is why nothing is written in a namespace of which nothing is proven yet.
func (i *Interlock) unproven(namespace string) string {
	if fault := i.fault(); fault != "" {
		return fault
	}
	return fmt.Sprintf("the fence is being proven in namespace %s", namespace)
}

// Namespace takes in how a namespace is now, or that it is gone and was last so.
func (i *Interlock) Namespace(is *corev1.Namespace, gone bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	name, charge := is.Name, fence.ChargeOf(is)
	s := i.spaces[name]
	if s != nil && s.uid != is.UID { // another one of its name
		i.stop(name, s, fmt.Sprintf("namespace %s is another one now", name))
		delete(i.spaces, name)
		s = nil
	}
	if gone || !i.concerns(charge) {
		if s != nil {
			i.stop(name, s, fmt.Sprintf("namespace %s is not Ordinal's any more", name))
			delete(i.spaces, name)
			i.changed(name)
		}
		return
	}
	if s == nil {
		s = &space{uid: is.UID, charge: charge, why: i.unproven(name), since: i.clock.Now(), left: map[string]bool{}, unlisted: map[string][]string{}}
		i.spaces[name] = s
		i.changed(name)
		return
	}
	if s.charge.Equal(charge) {
		return
	}
	was := s.charge
	s.charge, s.left, s.unlisted = charge, map[string]bool{}, map[string][]string{}
	if i.mode == fence.Fenced && !was.SameFence(charge) {
		i.stop(name, s, i.unproven(name))
		s.proving = proving{} // what was refused so far was about other sets
	}
	i.changed(name)
}

// Seen takes in that all namespaces there are have been taken in.
func (i *Interlock) Seen() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen = true
	i.changed("")
}

// concerns reports whether a namespace says anything that matters here.
func (i *Interlock) concerns(charge fence.Charge) bool {
	return charge.Fenced() || i.mode == fence.WholeCluster && (charge.OptedOut() || charge.Leaves())
}

func (i *Interlock) changed(namespace string) {
	i.listener.Wake(namespace)
	i.listener.Changed()
}

// Set takes in which claims a set has, before it is acted on, and reports whether the fence
// knows them.
func (i *Interlock) Set(set *appsv1.StatefulSet) (why string) {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.spaces[set.Namespace]
	if s == nil || i.mode != fence.Fenced {
		return ""
	}
	unlisted := s.charge.Unlisted(set)
	if len(unlisted) == 0 {
		if _, had := s.unlisted[set.Name]; had {
			delete(s.unlisted, set.Name)
			i.listener.Changed()
		}
		return ""
	}
	if _, had := s.unlisted[set.Name]; !had {
		s.unlisted[set.Name] = unlisted
		i.listener.Changed()
	}
	return unlistedWords(set.Name, unlisted)
}

func unlistedWords(set string, prefixes []string) string {
	return fmt.Sprintf("the fence does not know the claims %s-* of %s, which has had other claim templates when it was taken: take it again (kubectl ordinal take sts/%[2]s)",
		strings.Join(prefixes, "-*, "), set)
}

// Gone takes in that a set is there no more.
func (i *Interlock) Gone(namespace, set string) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.spaces[namespace]
	if s == nil || len(s.unlisted[set]) == 0 {
		return
	}
	delete(s.unlisted, set)
	i.listener.Changed()
}

// Left takes in that everything has been taken back of a set that leaves.
func (i *Interlock) Left(namespace, set string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s := i.spaces[namespace]; s != nil && s.charge.Leaving(set) && !s.left[set] {
		s.left[set] = true
		i.listener.Changed()
	}
}
