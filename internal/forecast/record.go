package forecast

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"ordinal.dev/ordinal/internal/plan"
)

// recorder keeps what happens in a world, and what waited for it.
type recorder struct {
	*world
	steps []Step
	round int
	moved time.Time            // when something last happened
	last  map[string]plan.Wait // by what it holds up: the newest wait
	told  []string             // warnings, in order
	heard map[string]bool
}

// listen keeps what a plan waits for, and what it warns of.
func (r *recorder) listen(p *plan.Plan) {
	for _, wait := range p.Waits {
		if wait.Holds != "" {
			r.last[heldUp(wait.Holds)] = wait
		}
	}
	for _, e := range p.Events {
		if e.Warning {
			r.tell(e.Message)
		}
	}
}

func (r *recorder) tell(warning string) {
	if !r.heard[warning] {
		r.heard[warning] = true
		r.told = append(r.told, warning)
	}
}

// heldUp is the pod that is held up, or all that is said of it where it is no single pod.
func heldUp(holds string) string {
	for _, verb := range []string{"creating ", "updating ", "deleting ", "replacing "} {
		if pod, ok := strings.CutPrefix(holds, verb); ok && !strings.Contains(pod, " ") {
			return pod
		}
	}
	return holds
}

// do carries out an action after what it needs, and records it.
func (r *recorder) do(a plan.Action) {
	if a.Verb == plan.Evict {
		a.Verb = plan.Delete // budgets let it go, in the end
	}
	var reuses []string
	if a.Kind() == "pod" && a.Verb == plan.Create {
		reuses = r.claimsOf(a.Object.GetName())
	}
	for _, need := range a.Needs {
		r.do(need)
	}
	if r.refusesChange(a) {
		return
	}
	if isNote(a) {
		r.carryOut(a)
		return
	}
	step := Step{Round: r.round, Verb: string(a.Verb), Kind: a.Kind(), Name: a.Object.GetName(), Why: a.Why, Reuses: reuses, InPlace: a.Change.Pod != nil}
	if a.Hook != nil {
		step.Name, step.Hook = a.Hook.About, a.Hook.Name
	}
	if a.Kind() == "revision" && a.Verb == plan.Update && a.Change.Number == 0 {
		step.Verb = markFailed
	}
	if a.Kind() == "pod" && (a.Verb == plan.Create || a.Verb == plan.Delete) {
		step.After = r.after(step.Name, a.Verb)
	}
	step.Claim = claimWords(a)
	r.steps = append(r.steps, step)
	r.carryOut(a)
}

// markFailed is the verb of a step that marks a revision as one that has failed.
const markFailed = "mark"

// isNote reports whether an action tells nobody anything: what is noted on a pod on its way,
// and questions to it.
func isNote(a plan.Action) bool {
	if a.Hook != nil {
		return a.Hook.Name == plan.RoleHook || a.Hook.Name == plan.InSyncHook
	}
	_, moves := a.Change.Annotations[plan.InPlaceAnnotation]
	_, claims := a.Change.Annotations[plan.RevisionClaimsAnnotation]
	_, handed := a.Change.Annotations[plan.HandedOverAnnotation]
	_, leaves := a.Change.Annotations[plan.LeavingAnnotation]
	_, joins := a.Change.Annotations[plan.MembersAnnotation]
	return moves || handed || claims || leaves || joins
}

// after says what had to come about before something was done to a pod, empty for nothing.
func (r *recorder) after(pod string, verb plan.Verb) string {
	wait, waited := r.last[pod]
	for holds, w := range r.last {
		switch {
		case waited:
		case verb == plan.Delete && strings.HasPrefix(holds, "scaling down "):
			wait, waited = w, true
		case verb == plan.Create && strings.HasPrefix(holds, "creating pods "): // Recreate
			delete(r.last, holds)
			return "all outdated pods are gone"
		}
	}
	delete(r.last, pod)
	switch now := r.pod(wait.For); {
	case !waited || wait.For == pod:
		return ""
	case strings.HasPrefix(wait.For, "the "): // the canary
		return wait.For + " is over"
	case now == nil || now.DeletionTimestamp != nil:
		return wait.For + " is gone"
	case r.isAvailable(now):
		return wait.For + " is available"
	}
	return ""
}

func (w *world) isAvailable(pod *corev1.Pod) bool {
	state, _ := plan.Observe(pod, w.minReady(), w.Now)
	return state == plan.Available
}

// lose records claims that went with their pods.
func (r *recorder) lose(claims []*corev1.PersistentVolumeClaim) {
	for _, claim := range claims {
		r.steps = append(r.steps, Step{Round: r.round, Verb: string(plan.Delete), Kind: "claim", Name: claim.Name, Why: "its pod is gone, and took it along"})
	}
}

// remember passes on what a plan leaves for the next one, and reports whether the status
// changed by it.
func (w *world) remember(p *plan.Plan) bool {
	changed := !equality.Semantic.DeepEqual(w.Set.Status, p.Status)
	set := w.Set.DeepCopy()
	set.Status = p.Status
	w.Set, w.Failures, w.Healed, w.Bore = set, p.Failures, p.Healed, p.Bore
	return changed
}

// warnings are what plans warned of, and what is wrong in the end.
func (r *recorder) warnings(last *plan.Plan) []string {
	for _, c := range last.Status.Conditions {
		if c.Type == plan.ConditionService && c.Status == corev1.ConditionFalse {
			r.tell(c.Message)
		}
	}
	return slices.Clone(r.told)
}
