package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// A simulation lets chance be the user and the nodes, carries out every plan,
// and checks after each that no guarantee was broken. In the end chance leaves
// the set alone, and it must come to rest at its goal.
type simulation struct {
	t        *testing.T
	rand     *rand.Rand
	snapshot plan.Snapshot
	uid      int
	story    []string
}

func TestNoPlanBreaksAGuaranteeAndAllOfThemConverge(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := newSimulation(t, seed)
			for range 60 {
				s.chance()
				s.step()
			}
			s.settle()
		})
	}
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	s := &simulation{t: t, rand: rand.New(rand.NewPCG(seed, 1))}
	w := parseWorld(t, "set: {spec: {replicas: 3, volumeClaimTemplates: [{metadata: {name: data}}]}}\ntemplate: \"1\"")
	s.snapshot = w.snapshot(t)
	set := s.snapshot.Set
	if seed%2 == 1 {
		set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	}
	set.Spec.MinReadySeconds = int32(seed % 3)
	limit := intstr.FromInt(1 + int(seed/6)%3)
	set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{
		Type:          appsv1.RollingUpdateStatefulSetStrategyType,
		RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](0), MaxUnavailable: &limit},
	}
	return s
}

func (s *simulation) say(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

// chance does one thing to the set, to one pod, or nothing.
func (s *simulation) chance() {
	spec := &s.snapshot.Set.Spec
	switch s.rand.IntN(12) {
	case 0:
		spec.Replicas = ptr.To(s.rand.Int32N(6))
		s.say("user scales to %d", *spec.Replicas)
	case 1:
		spec.Template.Spec.Containers[0].Image = fmt.Sprintf("app:%d", s.rand.IntN(4)) // app:0 never starts
		s.say("user applies %s", spec.Template.Spec.Containers[0].Image)
	case 2:
		*spec.UpdateStrategy.RollingUpdate.Partition = s.rand.Int32N(4)
		s.say("user sets the partition to %d", *spec.UpdateStrategy.RollingUpdate.Partition)
	case 3:
		s.somePod("fails", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	case 4:
		s.somePod("becomes unready", func(p *corev1.Pod) {
			if p.Status.Phase == corev1.PodRunning {
				running(p, false, metav1.NewTime(s.snapshot.Now))
			}
		})
	case 5:
		s.somePod("is deleted by hand", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: s.snapshot.Now} })
	default:
		s.nodes()
	}
}

func (s *simulation) somePod(what string, do func(*corev1.Pod)) {
	if n := len(s.snapshot.Pods); n > 0 {
		pod := s.snapshot.Pods[s.rand.IntN(n)].DeepCopy()
		do(pod)
		s.replace(pod)
		s.say("%s %s", pod.Name, what)
	}
}

func (s *simulation) replace(pod *corev1.Pod) {
	for i := range s.snapshot.Pods {
		if s.snapshot.Pods[i].Name == pod.Name {
			s.snapshot.Pods[i] = pod
		}
	}
}

// nodes finish what was begun: terminating pods go, the others start, unless
// their image is bad.
func (s *simulation) nodes() {
	s.snapshot.Now = s.snapshot.Now.Add(time.Second)
	s.snapshot.Pods = slices.DeleteFunc(slices.Clone(s.snapshot.Pods), func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil })
	for _, old := range s.snapshot.Pods {
		pod := old.DeepCopy()
		switch {
		case pod.Status.Phase == corev1.PodFailed:
		case pod.Spec.Containers[0].Image == "app:0":
			pod.Status.Phase = corev1.PodRunning
			waiting(pod, "CrashLoopBackOff")
		case readiness(pod).Status != corev1.ConditionTrue:
			running(pod, true, metav1.NewTime(s.snapshot.Now))
		}
		s.replace(pod)
	}
}

// step plans, checks, and carries the plan out.
func (s *simulation) step() plan.Plan {
	p := plan.Make(s.snapshot)
	for _, a := range p.Actions {
		s.check(a)
	}
	s.checkBudget(&p)
	for _, a := range p.Actions {
		s.carryOut(a)
	}
	s.snapshot.Set.Status, s.snapshot.Failures, s.snapshot.Healed = p.Status, p.Failures, p.Healed
	return p
}

func (s *simulation) carryOut(a plan.Action) {
	s.say("%s", a)
	for _, need := range a.Needs {
		s.carryOut(need)
	}
	switch o := a.Object.(type) {
	case *appsv1.ControllerRevision:
		s.snapshot.Revisions = slices.DeleteFunc(slices.Clone(s.snapshot.Revisions), func(r *appsv1.ControllerRevision) bool { return r.Name == o.Name })
		if a.Verb != plan.Delete {
			s.snapshot.Revisions = append(s.snapshot.Revisions, o)
		}
	case *corev1.PersistentVolumeClaim:
		s.snapshot.Claims[o.Name] = o
	case *corev1.Pod:
		pod := o.DeepCopy()
		if a.Verb == plan.Delete {
			pod.DeletionTimestamp = &metav1.Time{Time: s.snapshot.Now}
			s.replace(pod)
			return
		}
		s.uid++
		pod.UID, pod.Status.Phase, pod.CreationTimestamp = types.UID(strconv.Itoa(s.uid)), corev1.PodPending, metav1.NewTime(s.snapshot.Now)
		s.snapshot.Pods = append(slices.Clone(s.snapshot.Pods), pod)
	}
}

// available tells whether the ordinal's pod can be counted on.
func (s *simulation) available(ordinal int) bool {
	pod := s.pod(identity.PodName("web", ordinal))
	if pod == nil || pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return false
	}
	ready := readiness(pod)
	minReady := time.Duration(s.snapshot.Set.Spec.MinReadySeconds) * time.Second
	return ready.Status == corev1.ConditionTrue && !s.snapshot.Now.Before(ready.LastTransitionTime.Add(minReady))
}

// readiness is the pod's condition Ready, empty if it has none.
func readiness(pod *corev1.Pod) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c
		}
	}
	return corev1.PodCondition{}
}

func (s *simulation) pod(name string) *corev1.Pod {
	for _, pod := range s.snapshot.Pods {
		if pod.Name == name {
			return pod
		}
	}
	return nil
}

// check holds one action against the guarantees.
func (s *simulation) check(a plan.Action) {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok {
		return
	}
	_, ordinal, _ := identity.Parse(pod.Name)
	wanted := identity.OrdinalsOf(s.snapshot.Set)
	ordered := s.snapshot.Set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement
	switch {
	case a.Verb == plan.Create && s.pod(pod.Name) != nil:
		s.fail("a second pod of an ordinal: %s", a)
	case a.Verb == plan.Create && !wanted.Contains(ordinal):
		s.fail("a pod that nobody wants: %s", a)
	case a.Verb == plan.Create && ordered:
		for before := wanted.Start; before < ordinal; before++ {
			if !s.available(before) && !s.returns(ordinal, before) {
				s.fail("out of order, web-%d is not available: %s", before, a)
			}
		}
	case a.Verb == plan.Delete && pod.DeletionTimestamp != nil:
		s.fail("deleted twice: %s", a)
	case a.Verb == plan.Delete && wanted.Contains(ordinal) && s.available(ordinal):
		if partition := int(*s.snapshot.Set.Spec.UpdateStrategy.RollingUpdate.Partition); ordinal < partition {
			s.fail("below the partition: %s", a)
		}
	}
}

// returns tells whether an ordinal was there before, and heal is at work, so that it
// need not wait for one before it that is there and cannot start or is not ready.
func (s *simulation) returns(ordinal, before int) bool {
	p := plan.Make(s.snapshot)
	isAtWork, wasThere := len(p.Healed) > 0, slices.ContainsFunc(p.Healed, func(o int) bool { return o >= ordinal })
	for _, pod := range s.snapshot.Pods {
		_, o, _ := identity.Parse(pod.Name)
		wasThere = wasThere || o > ordinal
		runs := len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].State.Running != nil
		isAtWork = isAtWork || !runs && identity.Revision(pod) != p.Status.UpdateRevision
	}
	return isAtWork && wasThere && s.pod(identity.PodName("web", before)) != nil
}

// checkBudget wants no more available pods deleted than may be unavailable.
func (s *simulation) checkBudget(p *plan.Plan) {
	taken, unavailable := 0, 0
	wanted := identity.OrdinalsOf(s.snapshot.Set)
	for ordinal := range wanted.End() {
		if !s.available(ordinal) {
			unavailable++
		}
	}
	for _, a := range p.Actions {
		if pod, ok := a.Object.(*corev1.Pod); ok && a.Verb == plan.Delete {
			if _, ordinal, _ := identity.Parse(pod.Name); wanted.Contains(ordinal) && s.available(ordinal) {
				taken++
			}
		}
	}
	if limit := s.snapshot.Set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue(); taken > 0 && taken+unavailable > limit {
		s.fail("%d available pods taken while %d were unavailable, of %d that may be", taken, unavailable, limit)
	}
}

func (s *simulation) fail(format string, args ...any) {
	s.t.Helper()
	for _, line := range s.story[max(0, len(s.story)-25):] {
		s.t.Log(line)
	}
	s.t.Fatalf(format, args...)
}

// settle has a good template applied, and nothing go wrong any more.
func (s *simulation) settle() {
	s.snapshot.Set.Spec.Template.Spec.Containers[0].Image = "app:9"
	*s.snapshot.Set.Spec.UpdateStrategy.RollingUpdate.Partition = 0
	s.say("user applies app:9 to all")
	var p plan.Plan
	for range 400 {
		if p = s.step(); p.AtRest() {
			break
		}
		s.nodes()
	}
	wanted := identity.OrdinalsOf(s.snapshot.Set)
	if !p.AtRest() || len(s.snapshot.Pods) != wanted.Count || p.Status.CurrentRevision != p.Status.UpdateRevision {
		s.fail("it does not come to rest:\n%s", &p)
	}
	for ordinal := range wanted.Count {
		if pod := s.pod(identity.PodName("web", ordinal)); pod == nil || pod.Spec.Containers[0].Image != "app:9" || !s.available(ordinal) {
			s.fail("at rest, and web-%d is not what it should be:\n%s", ordinal, &p)
		}
	}
}
