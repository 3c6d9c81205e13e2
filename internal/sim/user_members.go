package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// What an override says of a pod, besides a label of its own by which that can be told.
const (
	gold    = "gold"    // nothing else
	silver  = "silver"  // nothing else, either
	tuned   = "tuned"   // a variable of the environment, with which a pod has to be made anew
	faulty  = "faulty"  // a command with which it crashes
	invalid = "invalid" // a node selector that the API server does not take
	classy  = "classy"  // a class that the API server does not know yet
)

// tierLabel and the index of an override is a label of what that one says.
const tierLabel = "tier"

var overrideSpecs = map[string]string{
	tuned:   `{"containers":[{"name":"app","env":[{"name":"TUNED","value":"yes"}]}]}`,
	faulty:  `{"containers":[{"name":"app","command":["crash"]}]}`,
	invalid: `{"nodeSelector":{"disk":"not a label!"}}`,
	classy:  `{"priorityClassName":"classy"}`,
}

// sayOfMembers adds to a policy what a word asks for of members.
func sayOfMembers(spec *v1alpha1.StatefulSetPolicySpec, name, value string, n int) {
	scaling := func() *v1alpha1.Scaling {
		if spec.Scaling == nil {
			spec.Scaling = &v1alpha1.Scaling{}
		}
		return spec.Scaling
	}
	switch name {
	case "reserve":
		scaling().ReservedOrdinals = rangesIn(value)
	case "leave":
		scaling().Leave = &v1alpha1.Leave{MemberAction: askMembers("leave", value)}
		if value == string(v1alpha1.LeaveAfter) {
			scaling().Leave.When = v1alpha1.LeaveAfter
		}
	case "leaveSeconds":
		scaling().Leave.TimeoutSeconds = ptr.To(int32(n))
	case "goOn":
		scaling().Leave.OnFailure = v1alpha1.Continue
	case "cancel":
		if leave := scaling().Leave; leave.When != v1alpha1.LeaveAfter { // which cannot be cancelled
			leave.Cancel = &v1alpha1.LeaveCancel{MemberAction: askMembers("cancel", value)}
		}
	case "join":
		scaling().Join = &v1alpha1.Join{Exec: &v1alpha1.ExecAction{Command: []string{"join", "$(POD)"}}}
	case "joinSeconds":
		scaling().Join.TimeoutSeconds = ptr.To(int32(n))
	case "joinOn":
		scaling().Join.OnFailure = v1alpha1.Continue
	case "Reverse":
		spec.Deletion = &v1alpha1.Deletion{Order: v1alpha1.DeletionReverse}
	case "override":
		sayOverride(spec, value)
	}
}

// askMembers is a command in the pod itself, or in another.
func askMembers(command, where string) v1alpha1.MemberAction {
	exec := &v1alpha1.MemberExec{ExecAction: v1alpha1.ExecAction{Command: []string{command, "$(POD)"}}}
	if where != "Self" {
		exec.Pod = v1alpha1.PodPeer
	}
	return v1alpha1.MemberAction{Exec: exec}
}

func rangesIn(text string) (ranges []v1alpha1.OrdinalRange) {
	for word := range strings.SplitSeq(text, ",") {
		if word != "" {
			ranges = append(ranges, v1alpha1.OrdinalRange(word))
		}
	}
	return ranges
}

// sayOverride adds an override: ordinals, and what it says.
func sayOverride(spec *v1alpha1.StatefulSetPolicySpec, text string) {
	if spec.Members == nil {
		spec.Members = &v1alpha1.Members{}
	}
	which, what, _ := strings.Cut(text, ":")
	o := v1alpha1.Override{Ordinals: rangesIn(which)}
	label := fmt.Sprintf("%s%d", tierLabel, len(spec.Members.Overrides))
	o.Template.Metadata = &v1alpha1.OverrideMetadata{Labels: map[string]string{label: what}}
	if says := overrideSpecs[what]; says != "" {
		o.Template.Spec = &runtime.RawExtension{Raw: json.RawMessage(says)}
	}
	spec.Members.Overrides = append(spec.Members.Overrides, o)
}

// editPolicies changes the policies of a set.
func (w *World) editPolicies(set string, change func(policy *v1alpha1.StatefulSetPolicy)) {
	for _, policy := range w.policiesOf(set) {
		updated := policy.DeepCopy()
		change(updated)
		w.try(w.api.Update(updated))
	}
}

// reserveOrdinals has the policies of a set reserve these ordinals and no others.
func (w *World) reserveOrdinals(m Move) {
	w.editPolicies(m.Set, func(policy *v1alpha1.StatefulSetPolicy) {
		if policy.Spec.Scaling == nil {
			policy.Spec.Scaling = &v1alpha1.Scaling{}
		}
		policy.Spec.Scaling.ReservedOrdinals = rangesIn(m.Text)
		delete(policy.Annotations, plan.RemovalAnnotation)
	})
}

// removeMember is what kubectl ordinal remove does, which may be stopped half way.
func (w *World) removeMember(m Move) {
	set, ordinal := w.set(m.Set), v1alpha1.OrdinalRange(fmt.Sprint(m.N))
	if set == nil || *set.Spec.Replicas == 0 || len(w.policiesOf(m.Set)) == 0 || !w.judge.viewNow(set).wanted(m.N) {
		return
	}
	w.editPolicies(m.Set, func(policy *v1alpha1.StatefulSetPolicy) {
		if policy.Spec.Scaling == nil {
			policy.Spec.Scaling = &v1alpha1.Scaling{}
		}
		reserved := &policy.Spec.Scaling.ReservedOrdinals
		if !slices.Contains(*reserved, ordinal) {
			*reserved = append(*reserved, ordinal)
		}
		later := plan.Removal{Ordinals: []v1alpha1.OrdinalRange{ordinal}, Set: set.UID, Generation: set.Generation}
		metav1.SetMetaDataAnnotation(&policy.ObjectMeta, plan.RemovalAnnotation, later.String())
	})
	if w.rand("removal").IntN(8) == 0 {
		return
	}
	w.after(w.between("removal", time.Millisecond, time.Second), "user", func() {
		if now := w.set(m.Set); now != nil && now.UID == set.UID && *now.Spec.Replicas > 0 {
			now.Spec.Replicas = ptr.To(*now.Spec.Replicas - 1)
			w.try(w.api.Update(now))
		}
	})
}

func (w *World) endLeaves(m Move) {
	w.editPolicies(m.Set, func(policy *v1alpha1.StatefulSetPolicy) {
		if policy.Spec.Scaling != nil {
			policy.Spec.Scaling.Leave = nil
		}
	})
}

func (w *World) overrideMembers(m Move) {
	w.editPolicies(m.Set, func(policy *v1alpha1.StatefulSetPolicy) {
		policy.Spec.Members = nil
		for word := range strings.FieldsSeq(m.Text) {
			_, value, _ := strings.Cut(word, "=")
			sayOverride(&policy.Spec, value)
		}
	})
}

// seeOffAll is what a user does who does not want to wait for those that leave any longer.
func (w *World) seeOffAll(name string, goes func(pod *corev1.Pod) bool) {
	set := w.set(name)
	if set == nil {
		return
	}
	v := w.judge.viewNow(set)
	for _, pod := range sortedKeys(v.pods) {
		if pod := v.pods[pod]; v.owns(pod) && v.goesForGood(pod) && pod.DeletionTimestamp == nil && goes(pod) {
			w.tell("deletes %s, which has not left", pod.Name)
			w.try(w.api.Delete(pods, keyOf(pod.Name), deleteOptions()))
		}
	}
}

// easeMembers is what users do about members once the faults are over: they do not wait for
// those that cannot leave, take away the overrides that break pods, and have the class admitted.
func (w *World) easeMembers(set string, times int) {
	w.api.Classes[classy] = true
	if times == 0 {
		return
	}
	w.seeOffAll(set, func(pod *corev1.Pod) bool { return !isReady(pod) })
	for _, policy := range w.policiesOf(set) {
		if policy.Spec.Members == nil {
			continue
		}
		updated := policy.DeepCopy()
		kept := slices.DeleteFunc(updated.Spec.Members.Overrides, func(o v1alpha1.Override) bool { return saysOf(&o) == faulty })
		if len(kept) < len(policy.Spec.Members.Overrides) {
			updated.Spec.Members.Overrides = kept
			w.tell("mends the overrides of %s", set)
			w.try(w.api.Update(updated))
		}
	}
}

// saysOf is what an override says, by its label.
func saysOf(o *v1alpha1.Override) string {
	for key, what := range o.Template.Metadata.Labels {
		if strings.HasPrefix(key, tierLabel) {
			return what
		}
	}
	return ""
}
