package overview

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/follow"
)

// One is all there is to say of one set.
type One struct {
	Set
	Charge     string      `json:"charge"` // whose it is, in words
	Problems   []string    `json:"problems,omitempty"`
	Conditions []Condition `json:"conditions"`
	// Waits are all that it waits for, Does what the controller would do now.
	Waits []string `json:"waitsFor"`
	Does  []string `json:"wouldDo"`

	// Claims are those that change, and how far they are.
	Claims []string `json:"claims,omitempty"`

	pods []string
}

// A Condition is one of the set's status.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// MakeOne makes the report of a set: s is what there is of it, p what the controller would
// make of that, and r what there is to say of its namespace.
func MakeOne(r Report, charge fence.Charge, s plan.Snapshot, p plan.Plan) One {
	one := One{Set: setOf(s.Set), Conditions: []Condition{}, Waits: []string{}, Does: []string{}, pods: follow.Pods(s)}
	one.Charge, one.Problems = r.whose(charge, s.Set.Namespace, s.Set.Name)
	for _, c := range s.Set.Status.Conditions {
		one.Conditions = append(one.Conditions, Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time})
	}
	if p.Frozen != "" {
		one.Waits = append(one.Waits, p.Frozen)
	}
	for _, w := range p.Waits {
		one.Waits = append(one.Waits, w.String())
	}
	for _, c := range p.Claims {
		one.Claims = append(one.Claims, c.String())
	}
	for _, a := range p.Actions {
		one.Does = append(one.Does, a.String())
	}
	return one
}

// whose says who is in charge of a set, and why Ordinal does not act if it should.
func (r *Report) whose(charge fence.Charge, namespace, name string) (string, []string) {
	state := ""
	for _, n := range r.Namespaces {
		if n.Name == namespace {
			state = n.State
		}
	}
	switch {
	case charge.OptedOut():
		return "the in-tree controller's, as its namespace says", nil
	case r.Mode == fence.WholeCluster:
		return "Ordinal's, as all sets of this cluster", r.Problems
	case !charge.Has(name):
		return "not Ordinal's", nil
	case charge.Leaving(name):
		return "Ordinal's, and being given back (" + state + ")", r.Problems
	}
	return "Ordinal's (" + state + ")", r.Problems
}

// Text is the report for a person.
func (o *One) Text(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "StatefulSet %s in namespace %s: %s.\n", o.Name, o.Namespace, o.Charge)
	for _, p := range o.Problems {
		fmt.Fprintf(&b, "Problem: %s.\n", p)
	}
	fmt.Fprintf(&b, "%d of %d pods are ready; %s.\n", o.Ready, o.Replicas, o.State)
	section(&b, "Conditions", o.Conditions, func(c Condition) string {
		return fmt.Sprintf("%s is %s for %s, %s: %s", c.Type, c.Status, duration.HumanDuration(now.Sub(c.Since)), c.Reason, c.Message)
	})
	section(&b, "Pods", o.pods, strings.TrimSpace)
	section(&b, "Claims", o.Claims, func(s string) string { return s })
	section(&b, "Waits", o.Waits, func(s string) string { return s })
	section(&b, "Ordinal would now", o.Does, func(s string) string { return s })
	return b.String()
}

func section[T any](b *strings.Builder, name string, items []T, text func(T) string) {
	if len(items) > 0 {
		fmt.Fprintf(b, "\n%s:\n", name)
	}
	for _, item := range items {
		fmt.Fprintf(b, "  %s\n", text(item))
	}
}
