package plan_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// An outage is a set of a bad revision whose members become ready only when most of
// them run, as those of etcd do. A good revision has been applied, and the set must
// come back without a person, and without losing what still runs.
type outage struct {
	simulation
	members int
	// mayRestart is whether the controller is lost now and then. It is not where two
	// members need each other and go back to an earlier revision: one of them may be
	// missing then, and nothing but memory tell that it was there.
	mayRestart bool
	starts     map[string]time.Time // when the container of a pod of the good revision starts
	goes       map[string]time.Time // when a pod that is being deleted is gone
	taken      string               // what heal took last, empty when it need not be waited for
	takenAt    time.Time            // when its replacement was created, zero before
}

// downStates are how the members are when it begins. Those at the good revision came
// there before the outage.
var downStates = []string{
	"A crashing 10m", "A nopull 10m", "A badinit 10m", "A creating 10m", "A creating 5s", "A gated 10m",
	"A unplaced 10m", "A unschedulable 10m", "A unready 10m", "B unready 10m", "B crashing 10m", "B creating 5s",
}

func TestHealEndsAnOutageAndMakesItNoLonger(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			o := newOutage(t, seed)
			for range 1500 {
				if o.mayRestart && o.rand.IntN(20) == 0 {
					o.restart()
				}
				before := o.run()
				if p := o.step(); p.AtRest() {
					o.expectUpdated(&p)
					return
				}
				if now := o.run(); now < before && !o.isReady(before) {
					o.fail("of %d members that ran, %d are left", before, now)
				}
				o.second()
			}
			p := plan.Make(o.snapshot)
			o.fail("it stands still:\n%s", &p)
		})
	}
}

func newOutage(t *testing.T, seed uint64) *outage {
	o := &outage{
		simulation: simulation{t: t, rand: rand.New(rand.NewPCG(seed, 7))},
		starts:     map[string]time.Time{}, goes: map[string]time.Time{},
	}
	o.members = 1 + o.rand.IntN(6)
	isRollback := seed%2 == 1 // B was current before
	o.mayRestart = seed%3 == 0 && !(isRollback && o.members == 2)
	w := parseWorld(t, fmt.Sprintf("set: {spec: {replicas: %d, volumeClaimTemplates: [{metadata: {name: data}}]}}\ntemplate: B\nhistory: [A, B]\ncurrent: %c", o.members, "AB"[seed%2]))
	for ordinal := range o.members {
		w.Pods = append(w.Pods, fmt.Sprintf("web-%d %s", ordinal, downStates[o.rand.IntN(len(downStates))]))
		w.Claims = append(w.Claims, fmt.Sprintf("data-web-%d", ordinal))
	}
	o.snapshot = w.snapshot(t)
	for _, line := range w.Pods {
		o.say("%s", line)
	}
	return o
}

// restart is a new controller, which remembers nothing.
func (o *outage) restart() {
	o.snapshot.Healed, o.snapshot.Failures, o.snapshot.FirstSeen = nil, nil, o.snapshot.Now
	o.taken = ""
	o.say("the controller starts anew")
}

// step checks what the plan takes, besides what it does in any simulation.
func (o *outage) step() plan.Plan {
	p := plan.Make(o.snapshot)
	for _, a := range p.Actions {
		if pod, ok := a.Object.(*corev1.Pod); ok && a.Verb == plan.Delete {
			o.checkTaken(pod)
		} else if ok && pod.Name == o.taken {
			o.takenAt = o.snapshot.Now
		}
		o.carryOut(a)
	}
	o.snapshot.Set.Status, o.snapshot.Healed = p.Status, p.Healed
	return p
}

// checkTaken wants pods that run left alone until all are ready, and one at a time of the
// others.
func (o *outage) checkTaken(pod *corev1.Pod) {
	switch {
	case isRunning(pod) && o.isReady(o.run()):
		return
	case isRunning(pod):
		o.fail("%s runs, and is taken in the outage", pod.Name)
	case o.taken != "":
		o.fail("%s is taken, and %s is not back", pod.Name, o.taken)
	}
	o.taken, o.takenAt = pod.Name, time.Time{}
}

// run counts the members that run.
func (o *outage) run() int {
	n := 0
	for _, pod := range o.snapshot.Pods {
		if pod.DeletionTimestamp == nil && isRunning(pod) {
			n++
		}
	}
	return n
}

func isRunning(pod *corev1.Pod) bool {
	return len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].State.Running != nil
}

// isReady reports whether so many members are enough.
func (o *outage) isReady(running int) bool { return running > o.members/2 }

// second lets the nodes work: pods that are being deleted go, those of the good revision
// start, though some take long, and what runs is ready if there is a quorum.
func (o *outage) second() {
	o.snapshot.Now = o.snapshot.Now.Add(time.Second)
	ready := o.isReady(o.run())
	var left []*corev1.Pod
	for _, pod := range o.snapshot.Pods {
		if pod = o.next(pod.DeepCopy(), ready); pod != nil {
			left = append(left, pod)
		}
	}
	o.snapshot.Pods = left
	if pod := o.pod(o.taken); pod != nil && !o.takenAt.IsZero() && (isRunning(pod) || o.snapshot.Now.Sub(o.takenAt) >= 30*time.Second) {
		o.taken = ""
	}
}

// next is a pod a second later, nil if it is gone.
func (o *outage) next(pod *corev1.Pod, ready bool) *corev1.Pod {
	key := pod.Name + string(pod.UID)
	due := func(times map[string]time.Time, longest int) bool {
		if _, has := times[key]; !has {
			times[key] = o.snapshot.Now.Add(time.Duration(o.rand.IntN(longest)) * time.Second)
		}
		return !o.snapshot.Now.Before(times[key])
	}
	isGood := identity.Revision(pod) == o.snapshot.Set.Status.UpdateRevision
	switch {
	case pod.DeletionTimestamp != nil:
		if due(o.goes, 6) {
			o.say("%s is gone", pod.Name)
			return nil
		}
	case isRunning(pod):
		was := readiness(pod).Status == corev1.ConditionTrue
		// Two that need each other to become ready may lose one: no update could be
		// rolled out in order otherwise.
		if ready = ready || was && 2*o.run() == o.members; ready != was {
			running(pod, ready, metav1.NewTime(o.snapshot.Now))
		}
	case isGood && due(o.starts, []int{3, 3, 3, 90}[o.rand.IntN(4)]):
		o.say("%s starts", pod.Name)
		running(pod, false, metav1.NewTime(o.snapshot.Now))
	}
	return pod
}

func (o *outage) expectUpdated(p *plan.Plan) {
	for ordinal := range o.members {
		pod := o.pod(identity.PodName("web", ordinal))
		if pod == nil || identity.Revision(pod) != p.Status.UpdateRevision || readiness(pod).Status != corev1.ConditionTrue {
			o.fail("at rest, and web-%d is not what it should be:\n%s", ordinal, p)
		}
	}
	if p.Status.CurrentRevision != p.Status.UpdateRevision || len(p.Healed) > 0 {
		o.fail("at rest, and not over:\n%s", p)
	}
}
