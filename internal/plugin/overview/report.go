package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/install"
)

// A Report is what status says.
type Report struct {
	Installed  bool   `json:"installed"`
	Version    string `json:"version,omitempty"`
	Mode       string `json:"mode,omitempty"`
	Controller string `json:"controllerNamespace,omitempty"`
	FenceUp    bool   `json:"fenceUp"`
	// Problems are why Ordinal does not act where it should; empty if it does.
	Problems   []string    `json:"problems,omitempty"`
	Namespaces []Namespace `json:"namespaces"`
	Sets       []Set       `json:"sets"`
}

// A Namespace is one of which something is said: that it is Ordinal's, or that it is not.
type Namespace struct {
	Name  string     `json:"name"`
	Sets  []string   `json:"sets,omitempty"` // that are Ordinal's; empty for all
	State string     `json:"state"`
	Why   string     `json:"why,omitempty"`
	Since *time.Time `json:"since,omitempty"`
}

// States of a namespace that the controller does not speak of.
const (
	InTree = "InTree" // it is to stay with the in-tree controller
	Unseen = "Unseen" // it has the label, and the controller has not said anything of it
)

// A Set is one that is Ordinal's.
type Set struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Replicas  int32  `json:"replicas"`
	Ready     int32  `json:"ready"`
	State     string `json:"state"`
	Waits     string `json:"waits,omitempty"` // what for
}

// Make makes a report of what was read: the namespaces, and the sets of those that can be
// Ordinal's.
func Make(i *install.Installation, namespaces []corev1.Namespace, sets []appsv1.StatefulSet, now time.Time) Report {
	r := Report{Installed: i.Here(), Controller: i.Namespace, FenceUp: i.FenceDown() == "", Namespaces: []Namespace{}, Sets: []Set{}}
	if i.Record != nil {
		r.Version, r.Mode = i.Record.Version, i.Record.Mode
	}
	charges := map[string]fence.Charge{}
	for n := range namespaces {
		charge := fence.ChargeOf(&namespaces[n])
		charges[namespaces[n].Name] = charge
		if stated, has := stateOf(i, namespaces[n].Name, charge); has {
			r.Namespaces = append(r.Namespaces, stated)
		}
	}
	for s := range sets {
		charge := charges[sets[s].Namespace]
		if charge.Has(sets[s].Name) || i.WholeCluster() && !charge.OptedOut() {
			r.Sets = append(r.Sets, setOf(&sets[s]))
		}
	}
	slices.SortFunc(r.Namespaces, func(a, b Namespace) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Sets, func(a, b Set) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	r.Problems = problems(i, r.Namespaces, now)
	return r
}

// stateOf is what there is to say of a namespace.
func stateOf(i *install.Installation, name string, charge fence.Charge) (Namespace, bool) {
	n := Namespace{Name: name, Sets: charge.Sets()}
	var said *fence.NamespaceRecord
	if i.Record != nil {
		said = i.Record.Of(name)
	}
	switch {
	case charge.OptedOut():
		n.State = InTree
	case said != nil && (charge.Fenced() || i.WholeCluster()):
		n.State, n.Why = said.State, said.Why
		if !said.Since.IsZero() {
			n.Since = &said.Since
		}
	case charge.Fenced() && !i.WholeCluster():
		n.State = Unseen
	default:
		return n, false
	}
	return n, true
}

// problems are why Ordinal does not act where it should.
func problems(i *install.Installation, namespaces []Namespace, now time.Time) []string {
	if !i.Here() {
		return []string{"Ordinal is not installed in this cluster; " + install.Hint}
	}
	var all []string
	if silent := i.Silent(now); silent != "" {
		all = append(all, silent)
	}
	down := ""
	if !i.WholeCluster() {
		down = i.FenceDown()
	}
	if down != "" {
		all = append(all, "the fence is down: "+down)
	}
	if i.Record == nil {
		all = append(all, unread(i))
	}
	for _, n := range namespaces {
		switch {
		case n.State == fence.Stopped && (down == "" || !strings.Contains(n.Why, down)):
			all = append(all, fmt.Sprintf("Ordinal does not act in namespace %s: %s", n.Name, n.Why))
		case n.State == Unseen:
			all = append(all, fmt.Sprintf("namespace %s is to be Ordinal's, and the controller has not said that it saw that", n.Name))
		}
	}
	return all
}

func unread(i *install.Installation) string {
	if i.Namespace == "" {
		return fmt.Sprintf("the controller has not said anything: there is no ConfigMap %s", fence.RecordName)
	}
	return fmt.Sprintf("the controller has not said anything, or this user may not read it: kubectl get configmap %s -n %s", fence.RecordName, i.Namespace)
}

// setOf is a set by its status and conditions.
func setOf(set *appsv1.StatefulSet) Set {
	s := Set{Namespace: set.Namespace, Name: set.Name, Replicas: 1, Ready: set.Status.ReadyReplicas}
	if set.Spec.Replicas != nil {
		s.Replicas = *set.Spec.Replicas
	}
	progressing, available := condition(set, appsv1.StatefulSetProgressing), condition(set, plan.ConditionAvailable)
	switch {
	case set.DeletionTimestamp != nil:
		s.State = "being deleted"
	case set.Status.ObservedGeneration < set.Generation:
		s.State = "not seen yet"
	case progressing != nil && progressing.Status == corev1.ConditionTrue:
		s.State, s.Waits = "in progress", progressing.Message
	case available != nil && available.Status == corev1.ConditionFalse:
		s.State, s.Waits = "not available", available.Message
		if progressing != nil && progressing.Reason != "Complete" {
			s.Waits = progressing.Message
		}
	case set.Status.AvailableReplicas < s.Replicas:
		s.State = "not available"
	default:
		s.State = "at rest"
	}
	return s
}

func condition(set *appsv1.StatefulSet, kind appsv1.StatefulSetConditionType) *appsv1.StatefulSetCondition {
	for i := range set.Status.Conditions {
		if set.Status.Conditions[i].Type == kind {
			return &set.Status.Conditions[i]
		}
	}
	return nil
}
