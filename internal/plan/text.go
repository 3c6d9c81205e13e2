package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"ordinal.dev/ordinal/internal/identity"
)

// Kind is the kind of the action's object, as a user would say it.
func (a Action) Kind() string {
	switch a.Object.(type) {
	case *corev1.Pod:
		return "pod"
	case *corev1.PersistentVolumeClaim:
		return "claim"
	case *appsv1.ControllerRevision:
		return "revision"
	case *corev1.Service:
		return "service"
	}
	return fmt.Sprintf("%T", a.Object)
}

// headline is the action without its reason: "create pod web-1 at web-6d4b75cb6d".
func (a Action) headline() string {
	text := fmt.Sprintf("%s %s %s", a.Verb, a.Kind(), a.Object.GetName())
	switch a.Verb {
	case Create:
		return text + made(a.Object)
	case Update:
		return text + a.Change.String()
	case Delete:
		if a.GraceSeconds != nil {
			return fmt.Sprintf("%s with %ds of grace", text, *a.GraceSeconds)
		}
	}
	return text
}

// made says what matters about an object that is to be created.
func made(object Object) string {
	switch o := object.(type) {
	case *corev1.Pod:
		return " at " + identity.Revision(o)
	case *corev1.PersistentVolumeClaim:
		if len(o.OwnerReferences) > 0 {
			return " owned by " + owners(o.OwnerReferences)
		}
	case *corev1.Service:
		return " headless for " + published(&o.Spec) + " owned by " + owners(o.OwnerReferences)
	}
	return ""
}

// String is the change as words that follow the object's name.
func (c Change) String() string {
	var words []string
	if c.Number != 0 {
		words = append(words, fmt.Sprintf("to number %d", c.Number))
	}
	if c.Labels != nil {
		words = append(words, "to be labelled "+labels.FormatLabels(c.Labels))
	}
	if c.Service != nil {
		words = append(words, "to be for "+published(c.Service))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Annotations)) {
		if value := c.Annotations[key]; value != nil {
			words = append(words, fmt.Sprintf("to be annotated %s=%s", key, *value))
		} else {
			words = append(words, "to lose the annotation "+key)
		}
	}
	if c.Owners != nil {
		words = append(words, "to be owned by "+owners(*c.Owners))
	}
	if c.Unmanaged {
		words = append(words, "to have no field manager")
	}
	return " " + strings.Join(words, ", and ")
}

// published says whom a Service selects, and on which ports.
func published(spec *corev1.ServiceSpec) string {
	ports := lines(spec.Ports, func(p corev1.ServicePort) string { return fmt.Sprintf("%s %d/%s", p.Name, p.Port, p.Protocol) })
	if len(ports) == 0 {
		ports = []string{"no port"}
	}
	return fmt.Sprintf("%s on %s", labels.FormatLabels(spec.Selector), strings.Join(ports, ", "))
}

func owners(refs []metav1.OwnerReference) string {
	if len(refs) == 0 {
		return "nobody"
	}
	return strings.Join(lines(refs, func(r metav1.OwnerReference) string { return r.Kind + " " + r.Name }), " and ")
}

// String is one line: what is done, and why.
func (a Action) String() string { return a.headline() + ", because " + a.Why }

// String is one line: what waits, and for what.
func (w Wait) String() string {
	if w.Holds == "" {
		return w.For + " " + w.State
	}
	return fmt.Sprintf("%s waits: %s %s", w.Holds, w.For, w.State)
}

// String is the plan as text, for people and for golden files.
func (p *Plan) String() string {
	var b strings.Builder
	section := func(name string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s:\n", name)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	section("do", actionLines(p.Actions, ""))
	section("wait", lines(p.Waits, Wait.String))
	section("warn", lines(p.Events, func(e Event) string { return e.Reason + ": " + e.Message }))
	section("status", p.statusLines())
	section("remember", append(p.failureLines(), p.healedLines()...))
	section("ask why", lines(p.Asks, func(a Ask) string { return a.Kind + " " + a.Name }))
	if p.RequeueAfter > 0 {
		fmt.Fprintf(&b, "look again: in %s\n", p.RequeueAfter)
	}
	return b.String()
}

func lines[T any](items []T, text func(T) string) []string {
	var all []string
	for _, item := range items {
		all = append(all, text(item))
	}
	return all
}

// actionLines lists each action, and below it what is done first.
func actionLines(actions []Action, prefix string) []string {
	var all []string
	for _, a := range actions {
		all = append(all, prefix+a.String())
		all = append(all, actionLines(a.Needs, "  first ")...)
	}
	return all
}

func (p *Plan) failureLines() []string {
	var all []string
	for _, ordinal := range slices.Sorted(maps.Keys(p.Failures)) {
		f := p.Failures[ordinal]
		all = append(all, fmt.Sprintf("failures of ordinal %d: %d, the last at %s", ordinal, f.Count, f.Last.Format(time.TimeOnly)))
	}
	return all
}

func (p *Plan) healedLines() []string {
	return lines(p.Healed, func(ordinal int) string { return fmt.Sprintf("ordinal %d was there before", ordinal) })
}

func (p *Plan) statusLines() []string {
	s := &p.Status
	all := []string{
		fmt.Sprintf("revision %s, updating to %s", s.CurrentRevision, s.UpdateRevision),
		fmt.Sprintf("%d pods: %d ready, %d available, %d current, %d updated",
			s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.CurrentReplicas, s.UpdatedReplicas),
	}
	if s.CurrentRevision == s.UpdateRevision {
		all[0] = "revision " + s.CurrentRevision
	}
	for _, c := range s.Conditions {
		all = append(all, fmt.Sprintf("%s is %s, %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return all
}
