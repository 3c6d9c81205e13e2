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

	"ordinal.dev/ordinal/api/v1alpha1"
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
	case *appsv1.StatefulSet:
		return "set"
	}
	return fmt.Sprintf("%T", a.Object)
}

// headline is the action without its reason: "create pod web-1 at web-6d4b75cb6d".
func (a Action) headline() string {
	if a.Hook != nil {
		return "run " + a.Hook.String()
	}
	text := fmt.Sprintf("%s %s %s", a.Verb, a.Kind(), a.Object.GetName())
	switch a.Verb {
	case Create:
		return text + made(a.Object)
	case Update, Resize:
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
		var words string
		if _, changed := o.Annotations[ClaimAnnotation]; changed {
			size := requested(o)
			words = " of " + size.String()
		}
		if len(o.OwnerReferences) > 0 {
			words += " owned by " + owners(o.OwnerReferences)
		}
		return words
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
	if c.Claim != nil {
		words = append(words, "to "+c.Claim.String())
	}
	if c.Pod != nil {
		words = append(words, "in place"+c.Pod.String())
	}
	if c.Service != nil {
		words = append(words, "to be for "+published(c.Service))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Annotations)) {
		switch {
		case key == UnmountedAnnotation:
			words = append(words, "to say that its pod is away")
			continue
		case key == ClaimAnnotation:
			continue // it is how it is noted
		case key == RevisionClaimsAnnotation && c.Annotations[key] != nil:
			words = append(words, "to say what is asked of claims with it")
			continue
		}
		if value := c.Annotations[key]; value != nil {
			words = append(words, fmt.Sprintf("to be annotated %s=%s", key, *value))
		} else {
			words = append(words, "to lose the annotation "+key)
		}
	}
	if c.Owners != nil {
		words = append(words, "to be owned by "+owners(*c.Owners))
	}
	if c.Finalizers != nil {
		words = append(words, "to have "+finalizers(*c.Finalizers))
	}
	if c.Unmanaged {
		words = append(words, "to have no field manager")
	}
	if c.Disowned {
		words = append(words, "to have no field that was written here")
	}
	if words == nil {
		words = []string{"to be noted as it is"}
	}
	return " " + strings.Join(words, ", and ")
}

func finalizers(all []string) string {
	if len(all) == 0 {
		return "no finalizer"
	}
	return "the finalizers " + strings.Join(all, " and ")
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
	section("claims", lines(p.Claims, ClaimProgress.String))
	section("tell", eventLines(p.Events, false))
	section("warn", eventLines(p.Events, true))
	section("status", p.statusLines())
	section("policy", lines(p.Policies, PolicyStatus.String))
	section("remember", slices.Concat(p.failureLines(), p.healedLines(), p.boreLines()))
	section("ask why", lines(p.Asks, func(a Ask) string { return a.Kind + " " + a.Name }))
	section("look closely at", slices.Concat(p.Looks, p.ClaimLooks, p.VolumeLooks))
	section("dry run", lines(slices.Sorted(maps.Keys(p.DryRuns)), func(at string) string { return p.DryRuns[at].Name + " as " + at }))
	if p.RequeueAfter > 0 {
		fmt.Fprintf(&b, "look again: in %s\n", p.RequeueAfter)
	}
	return b.String()
}

func eventLines(events []Event, warnings bool) []string {
	var all []string
	for _, e := range events {
		if e.Warning == warnings {
			all = append(all, e.Reason+": "+e.Message)
		}
	}
	return all
}

// lines is what becomes of each item.
func lines[T, L any](items []T, text func(T) L) []L {
	var all []L
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

// boreLines say in one line which revision the last pod of each ordinal had.
func (p *Plan) boreLines() []string {
	if len(p.Bore) == 0 {
		return nil
	}
	all := lines(slices.Sorted(maps.Keys(p.Bore)), func(ordinal int) string { return fmt.Sprintf("%d %s", ordinal, p.Bore[ordinal]) })
	return []string{"revisions of ordinals: " + strings.Join(all, ", ")}
}

// String is one line, and one for each condition but that it is accepted.
func (s PolicyStatus) String() string {
	text := fmt.Sprintf("%s is %s", s.Policy.Name, s.Status.State)
	if s.Status.Reason != "" {
		text += ": " + s.Status.Reason
	}
	for _, c := range s.Status.Conditions {
		if c.Type != v1alpha1.ConditionAccepted {
			text += fmt.Sprintf("\n  %s is %s, %s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	return text
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
