package forecast

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// A Change is a set that is to be changed, or made.
type Change struct {
	// Before is the set as it is, nil for one that does not exist.
	Before *appsv1.StatefulSet
	// Snapshot is as one of now, but the set and what comes with it are as they would be.
	Snapshot plan.Snapshot
	Storage  Storage
}

// A Forecast is what will happen to one set.
type Forecast struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// New is set for one that does not exist yet.
	New bool `json:"new,omitempty"`
	// Fields are what changes in the set itself.
	Fields []Field `json:"fields,omitempty"`
	// Steps are what happens, in order.
	Steps []Step `json:"steps,omitempty"`
	// Templates say what differs in the pod template, for the pods that restart.
	Templates []Template `json:"templates,omitempty"`

	Restarted []string `json:"restarted,omitempty"`      // pods that are replaced, in order
	Created   []string `json:"created,omitempty"`        // pods that there were not
	Removed   []string `json:"removed,omitempty"`        // pods that do not come back
	Changed   []string `json:"changedInPlace,omitempty"` // pods that are updated where they are, in order
	Untouched []string `json:"untouched,omitempty"`      // pods to which nothing happens

	// Kept are the claims of pods that do not come back.
	Kept []string `json:"keptClaims,omitempty"`

	// Finishes is whether the set comes to rest, and Waits what for it does not.
	Finishes bool     `json:"finishes"`
	Waits    []string `json:"waits,omitempty"`
	// TakesSeconds is how long it takes at least, by minReadySeconds and the controller's
	// pauses.
	TakesSeconds int `json:"takesSeconds,omitempty"`
	// Available of Wanted pods are available in the end; Current is the revision then,
	// and Update the one of the template.
	Available int    `json:"available"`
	Wanted    int    `json:"wanted"`
	Current   string `json:"currentRevision,omitempty"`
	Update    string `json:"updateRevision,omitempty"`

	Warnings []string `json:"warnings,omitempty"`
	// Assumed is what of the present the forecast takes as it is.
	Assumed []string `json:"assumed,omitempty"`
}

// A Step is one thing that happens.
type Step struct {
	// Round is the same for what happens together.
	Round int    `json:"round"`
	Verb  string `json:"verb"` // the plan's
	Kind  string `json:"kind"` // "pod", "claim", "revision" or "service"
	Name  string `json:"name"`
	Why   string `json:"why"`
	// Hook is which one is run for a pod, empty for none.
	Hook string `json:"hook,omitempty"`
	// InPlace is set for the update of a pod where it is.
	InPlace bool `json:"inPlace,omitempty"`
	// Claim is what is asked of a claim, as in "have 20Gi".
	Claim string `json:"claim,omitempty"`
	// After is what it waits for, as in "web-2 is available".
	After string `json:"after,omitempty"`
	// Reuses are the claims that a pod that is made finds.
	Reuses []string `json:"reuses,omitempty"`
}

// Changes reports whether anything happens at all.
func (f *Forecast) Changes() bool { return f.New || len(f.Fields) > 0 || len(f.Steps) > 0 }

const (
	// mostIdle is how often the clock is moved without anything happening before nothing
	// will: a planner has a few pauses, and then looks again for ever.
	mostIdle = 12
	// mostRounds is how many plans a pod takes at most: to go, to come, to be available,
	// and some to spare.
	mostRounds = 20
	// mostWork is how many pods all plans look at together before the rest is left: a
	// roll-out of a thousand pods takes half of it, and some seconds.
	mostWork = 12_000_000
	// mostMade is how many objects are made before the rest is left.
	mostMade = 10_000
	// perPlan is how many missing pods a plan deals with.
	perPlan = 1000
)

// Run is the forecast for a change.
func Run(c Change) Forecast {
	w := newWorld(c.Snapshot, c.Storage)
	r := &recorder{world: w, last: map[string]plan.Wait{}, heard: map[string]bool{}}
	f := Forecast{Namespace: w.Set.Namespace, Name: w.Set.Name, New: c.Before == nil, Assumed: w.lookAround()}
	if c.Before != nil {
		f.Fields = setFields(c.Before, w.Set)
	}
	p, ended := r.run()
	if len(w.DryRuns) > len(c.Snapshot.DryRuns) {
		f.Assumed = append(f.Assumed, "the API server takes pods with their overrides, which it is asked before one goes")
	}
	f.Finishes = ended && p.AtRest() && p.Frozen == ""
	f.Steps, f.TakesSeconds = r.steps, int(r.moved.Sub(c.Snapshot.Now)/time.Second)
	f.Available, f.Wanted = int(p.Status.AvailableReplicas), identity.OrdinalsOf(w.Set).Count
	f.Current, f.Update = p.Status.CurrentRevision, p.Status.UpdateRevision
	if !ended {
		f.Waits = append(f.Waits, fmt.Sprintf("no end is in sight after %d plans, and the forecast stops there", r.round))
	}
	for _, wait := range p.Waits {
		f.Waits = append(f.Waits, wait.String())
	}
	if failed := stalled(&p); failed != "" && p.AtRest() && p.Frozen == "" {
		f.Finishes, f.Waits = false, append(f.Waits, failed)
	}
	if p.Frozen != "" {
		f.Waits = append(f.Waits, p.Frozen)
	}
	f.Warnings = r.warnings(&p)
	f.sortPods(c.Snapshot.Pods)
	for _, pod := range f.Removed {
		f.Kept = append(f.Kept, w.claimsOf(pod)...)
	}
	f.Templates = templates(c.Snapshot, f.Restarted)
	return f
}

// stalled is what a plan says only a person can mend, empty for nothing.
func stalled(p *plan.Plan) string {
	for _, c := range p.Status.Conditions {
		if c.Type == plan.ConditionStalled {
			return c.Message
		}
	}
	return ""
}

// run plans and acts until nothing happens any more, and returns the last plan. ended is
// false where that was too far away.
func (r *recorder) run() (p plan.Plan, ended bool) {
	w := r.world
	r.moved = w.Now
	count := min(identity.OrdinalsOf(w.Set).Count, mostMade)
	idle, work := 0, 0
	for work < mostWork && w.made < mostMade && r.round < mostRounds*(len(w.Pods)+count+mostIdle) {
		work += len(w.Pods) + min(count, perPlan) + 1
		w.lookClosely()
		p = plan.Make(w.Snapshot)
		for len(p.DryRuns) > 0 && w.takeAll(p.DryRuns) {
			p = plan.Make(w.Snapshot)
		}
		r.round++
		r.listen(&p)
		restless := w.remember(&p)
		for _, a := range p.Actions {
			r.do(a)
		}
		acts := len(p.Actions) > 0
		if !acts {
			gone, went := w.advance()
			r.lose(gone)
			acts = went
		}
		switch {
		case acts:
			idle, r.moved = 0, w.Now
		case restless:
		case p.RequeueAfter == 0 || idle == mostIdle:
			return p, true
		default:
			idle++
			w.Now = w.Now.Add(p.RequeueAfter)
		}
	}
	return p, false
}

// sortPods says of each pod what becomes of it.
func (f *Forecast) sortPods(present []*corev1.Pod) {
	was := map[string]bool{}
	for _, pod := range present {
		was[pod.Name] = true
	}
	gone, touched := map[string]bool{}, map[string]bool{}
	for _, s := range f.Steps {
		if s.Kind != "pod" {
			continue
		}
		touched[s.Name] = true
		switch s.Verb {
		case string(plan.Update), string(plan.Resize):
			if s.InPlace && !slices.Contains(f.Changed, s.Name) {
				f.Changed = append(f.Changed, s.Name)
			}
		case string(plan.Delete):
			gone[s.Name] = true
			f.Removed = append(f.Removed, s.Name)
		case string(plan.Create):
			f.Removed = slices.DeleteFunc(f.Removed, func(n string) bool { return n == s.Name })
			if !was[s.Name] || !gone[s.Name] {
				f.Created = append(f.Created, s.Name)
			}
		}
	}
	for _, s := range f.Steps {
		if s.Kind == "pod" && s.Verb == string(plan.Delete) && was[s.Name] && !slices.Contains(f.Removed, s.Name) && !slices.Contains(f.Restarted, s.Name) {
			f.Restarted = append(f.Restarted, s.Name)
		}
	}
	for _, pod := range present {
		if !touched[pod.Name] {
			f.Untouched = append(f.Untouched, pod.Name)
		}
	}
	slices.Sort(f.Untouched)
}
