package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/plan"
)

// A set that cannot be understood makes every pod look wrong.
func TestNothingIsDoneToASetWhoseSelectorCannotBeRead(t *testing.T) {
	w := parseWorld(t, "set: {spec: {replicas: 1}}\ntemplate: B\nhistory: [A]\ncurrent: A\npods: [web-0 A ready, web-5 A crashing]")
	w.Set.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Resembles"}}
	p := plan.Make(w.snapshot(t))
	if len(p.Actions) > 0 || len(p.Waits) > 0 {
		t.Errorf("acted all the same:\n%s", &p)
	}
	if len(p.Events) != 1 || p.Events[0].Reason != "InvalidSelector" || !p.Events[0].Warning {
		t.Errorf("events %v, want one that says what is wrong", p.Events)
	}
	for _, c := range p.Status.Conditions {
		if is := c.Status == corev1.ConditionTrue; is != (c.Type == plan.ConditionStalled) || c.Reason != "InvalidSelector" {
			t.Errorf("%s is %s, %s: of pods that may not be its own", c.Type, c.Status, c.Reason)
		}
	}
	if p.Status.Replicas != 2 {
		t.Errorf("the status counts %d pods, want the 2 that the set owns", p.Status.Replicas)
	}
}

// A revision that cannot be read holds up the pods that need it, and only them.
func TestAPodWhoseRevisionCannotBeReadIsNotMadeFromAnother(t *testing.T) {
	w := parseWorld(t, `
set: {spec: {replicas: 2, podManagementPolicy: Parallel, updateStrategy: {rollingUpdate: {partition: 1}}}}
template: B
history: [A, B]
current: A
`)
	s := w.snapshot(t)
	s.Revisions[0].Data.Raw = []byte("{")
	p := plan.Make(s)
	if len(p.Actions) != 1 || p.Actions[0].Object.GetName() != "web-1" {
		t.Errorf("want web-1 created and web-0 not:\n%s", &p)
	}
	if len(p.Waits) == 0 || p.Waits[0].Holds != "creating web-0" || !strings.HasPrefix(p.Waits[0].State, "cannot be made: ") {
		t.Errorf("waits %v, want the first to say why web-0 is not there", p.Waits)
	}
	if len(p.Events) != 1 || p.Events[0].Reason != "InvalidRevision" {
		t.Errorf("events %v, want one that says what is wrong", p.Events)
	}
}

func TestAGoverningServiceIsHeadlessAndGivesNamesBeforePodsAreReady(t *testing.T) {
	w := parseWorld(t, "set: {spec: {replicas: 1, serviceName: peers}}\ntemplate: A\nhistory: [A]\ncurrent: A")
	service := plannedService(t, plan.Make(w.snapshot(t)))
	if service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses || service.Annotations[plan.ServiceMark] == "" {
		t.Errorf("not a governing Service: %+v", service)
	}
	if owners := service.OwnerReferences; len(owners) != 1 || owners[0].UID != w.Set.UID || owners[0].Controller != nil || owners[0].BlockOwnerDeletion != nil {
		t.Errorf("owned by %v, want the set, which does not wait for it and may share it", owners)
	}
}

// What a cache keeps of the managed fields tells as much as they do.
func TestWhoseAServiceIsIsToldByWhatIsKeptOfItsManagedFields(t *testing.T) {
	for fields, foreign := range map[string]bool{
		`{"f:spec":{"f:selector":{}}}`:                                    true,
		`{"f:spec":{"f:ports":{".":{},"k:{\"port\":80}":{}}}}`:            true,
		`{"f:metadata":{"f:labels":{"f:a":{}}}}`:                          true,
		`{"f:metadata":{"f:labels":{".":{}},"f:annotations":{"f:a":{}}}}`: true,
		`{"f:metadata":{"f:annotations":{"f:a":{}}}}`:                     false,
		`{"f:metadata":{"f:ownerReferences":{}}}`:                         false,
		`{"f:status":{}}`: false,
		`nonsense`:        false,
	} {
		for _, condensed := range []bool{false, true} {
			w := parseWorld(t, "set: {spec: {replicas: 0, serviceName: peers}}\ntemplate: A\nhistory: [A]\ncurrent: A\nservice: {metadata: {name: peers, annotations: {ordinal.dev/governing-service: selector}}}")
			w.Service.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "another", Operation: "Update", FieldsV1: metav1.NewFieldsV1(fields)}}
			if condensed {
				w.Service.ManagedFields = plan.Condense(w.Service.ManagedFields)
			}
			p := plan.Make(w.snapshot(t))
			released := len(p.Actions) == 1 && p.Actions[0].Change.Annotations != nil && p.Actions[0].Change.Service == nil
			if released != foreign {
				t.Errorf("%s, condensed %t: given up %t, want %t\n%s", fields, condensed, released, foreign, &p)
			}
		}
	}
}

func plannedService(t *testing.T, p plan.Plan) *corev1.Service {
	t.Helper()
	for _, a := range p.Actions {
		if service, ok := a.Object.(*corev1.Service); ok {
			return service
		}
	}
	t.Fatalf("no Service is created:\n%s", &p)
	return nil
}

func TestAPodCannotStartForTheReasonsThatAreDocumented(t *testing.T) {
	w := parseWorld(t, "set: {spec: {replicas: 1}}\ntemplate: B\nhistory: [A, B]\ncurrent: A\npods: [web-0 A pending 5s]")
	for reason, stuck := range map[string]bool{
		"CrashLoopBackOff": true, "ImagePullBackOff": true, "ErrImagePull": true, "ErrImageNeverPull": true,
		"InvalidImageName": true, "CreateContainerConfigError": true, "CreateContainerError": true,
		"RunContainerError": true, "PreStartHookError": true, "PostStartHookError": true,
		"ContainerCreating": false, "PodInitializing": false,
	} {
		if stuck && !strings.Contains(readDoc(t, "deviations.md"), "`"+reason+"`") {
			t.Errorf("docs/deviations.md does not name %s", reason)
		}
		for _, init := range []bool{false, true} {
			s := w.snapshot(t)
			waiting(s.Pods[0], reason)
			if status := &s.Pods[0].Status; init {
				status.InitContainerStatuses, status.ContainerStatuses = status.ContainerStatuses, nil
			}
			if p := plan.Make(s); (len(p.Actions) > 0) != stuck {
				t.Errorf("%s, of an init container %t:\n%s", reason, init, &p)
			}
		}
	}
}

// A claim is protected until its pod is gone: if the pod waited for the claim, a
// deletion in the foreground would never end.
func TestAPodThatIsScaledDownDoesNotWaitForTheClaimsItTakesAlong(t *testing.T) {
	w := parseWorld(t, `
set:
  spec:
    replicas: 0
    volumeClaimTemplates: [{metadata: {name: data}}]
    persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}
template: A
history: [A]
current: A
claims: [data-web-0]
pods: [web-0 A ready]
`)
	p := plan.Make(w.snapshot(t))
	if len(p.Actions) != 1 || len(p.Actions[0].Needs) != 1 {
		t.Fatalf("want web-0 deleted, and its claim given to it first:\n%s", &p)
	}
	for _, ref := range *p.Actions[0].Needs[0].Change.Owners {
		if ref.BlockOwnerDeletion != nil || ref.Controller == nil || !*ref.Controller {
			t.Errorf("the claim is owned by %+v", ref)
		}
	}
}

func TestAPlanCountsForTheMetrics(t *testing.T) {
	w := parseWorld(t, `
set: {spec: {replicas: 4, updateStrategy: {rollingUpdate: {maxUnavailable: 2}}}}
template: A
history: [A]
current: A
pods: [web-0 A ready, web-1 A unready]
`)
	if p := plan.Make(w.snapshot(t)); p.MaxUnavailable != 2 || p.Unavailable != 3 {
		t.Errorf("max unavailable %d, unavailable %d; want 2 and 3", p.MaxUnavailable, p.Unavailable)
	}
}

func TestAPlanIsAtRestWhenItDoesNothingAndWaitsForNothing(t *testing.T) {
	for name, test := range map[string]struct {
		plan plan.Plan
		want bool
	}{
		"nothing": {plan.Plan{}, true},
		"acts":    {plan.Plan{Actions: make([]plan.Action, 1)}, false},
		"waits":   {plan.Plan{Waits: make([]plan.Wait, 1)}, false},
		"both":    {plan.Plan{Actions: make([]plan.Action, 1), Waits: make([]plan.Wait, 1)}, false},
	} {
		if got := test.plan.AtRest(); got != test.want {
			t.Errorf("%s: AtRest is %t", name, got)
		}
	}
}

func TestTheTimeOfAConditionIsThatOfItsLastChange(t *testing.T) {
	w := parseWorld(t, "set: {spec: {replicas: 1}}\ntemplate: A\nhistory: [A]\ncurrent: A\npods: [web-0 A unready]")
	before := metav1.NewTime(now.Add(-time.Hour))
	w.Set.Status.Conditions = []appsv1.StatefulSetCondition{
		{Type: plan.ConditionAvailable, Status: corev1.ConditionFalse, Reason: "Other", LastTransitionTime: before},
		{Type: appsv1.StatefulSetProgressing, Status: corev1.ConditionFalse, LastTransitionTime: before},
	}
	for _, c := range plan.Make(w.snapshot(t)).Status.Conditions {
		want := before // still False, though for another reason
		if c.Type == appsv1.StatefulSetProgressing {
			want = metav1.NewTime(now) // it was False
		}
		if !c.LastTransitionTime.Equal(&want) {
			t.Errorf("%s is %s since %s, want %s", c.Type, c.Status, c.LastTransitionTime, want)
		}
	}
}

func TestANewRevisionIsProgress(t *testing.T) {
	w := parseWorld(t, `
set: {metadata: {annotations: {ordinal.dev/progress-deadline: 5m}}, spec: {replicas: 1}}
template: B
history: [A, B]
current: A
pods: [web-0 A unready 10m]
`)
	for age, late := range map[time.Duration]bool{time.Minute: false, 6 * time.Minute: true} {
		s := w.snapshot(t)
		s.Revisions[1].CreationTimestamp = metav1.NewTime(now.Add(-age))
		p := plan.Make(s)
		if strings.Contains(p.String(), "ProgressDeadlineExceeded") != late {
			t.Errorf("a revision of %s ago, with a deadline of 5m:\n%s", age, &p)
		}
	}
}

func TestEventsHaveUpstreamsReasonsAndSayWhy(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	named := metav1.ObjectMeta{Name: "x"}
	failure := errors.New("exceeded quota")
	for _, test := range []struct {
		verb   plan.Verb
		object plan.Object
		err    error
		want   string
	}{
		{plan.Create, &corev1.Pod{ObjectMeta: named}, nil, "SuccessfulCreate: Create Pod x in StatefulSet web successful, because of it"},
		{plan.Delete, &corev1.Pod{ObjectMeta: named}, nil, "SuccessfulDelete: Delete Pod x in StatefulSet web successful, because of it"},
		{plan.Create, &corev1.Pod{ObjectMeta: named}, failure, "FailedCreate: Create Pod x in StatefulSet web failed: exceeded quota"},
		{plan.Create, &corev1.PersistentVolumeClaim{ObjectMeta: named}, nil, "SuccessfulCreate: Create Claim x in StatefulSet web successful, because of it"},
		{plan.Create, &corev1.Service{ObjectMeta: named}, nil, "SuccessfulCreate: Create Service x for StatefulSet web successful, because of it"},
		{plan.Create, &appsv1.ControllerRevision{ObjectMeta: named}, nil, ""},
		{plan.Create, &appsv1.ControllerRevision{ObjectMeta: named}, failure, "FailedCreate: Create Revision x of StatefulSet web failed: exceeded quota"},
	} {
		event, ok := plan.Action{Verb: test.verb, Object: test.object, Why: "of it"}.Event(set, test.err)
		got := event.Reason + ": " + event.Message
		if ok != (test.want != "") || ok && got != test.want || event.Warning != (ok && test.err != nil) {
			t.Errorf("%s %T: %+v, %t; want %q", test.verb, test.object, event, ok, test.want)
		}
		if _, isPod := test.object.(*corev1.Pod); (event.Pod == "x") != isPod {
			t.Errorf("%s %T is about the pod %q", test.verb, test.object, event.Pod)
		}
	}
}

// What is wanted may be more than any memory holds; what is there is not.
func TestASetOfTwoBillionIsCreatedAThousandAtATime(t *testing.T) {
	w := parseWorld(t, `
set: {spec: {replicas: 2000000000, podManagementPolicy: Parallel}}
template: A
history: [A]
current: A
pods: [web-1 A ready, web-1500000000 A ready]
`)
	s := w.snapshot(t)
	other := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "db-7000"}}
	if all := plan.Ordinals(s.Set, s.Policies, append(slices.Clone(s.Pods), other)); len(all) != 1002 || all[1000] != 1000 || all[1001] != 1500000000 {
		t.Errorf("deals with %d ordinals, the last of them %v; want a thousand and two, up to 1000 and 1500000000", len(all), all[len(all)-2:])
	}
	p := plan.Make(s)
	if len(p.Actions) != 1000 || p.Actions[0].Object.GetName() != "web-0" || p.Actions[999].Object.GetName() != "web-1000" {
		t.Fatalf("%d actions, want a thousand pods created, from web-0 to web-1000", len(p.Actions))
	}
	if p.RequeueAfter != 0 {
		t.Errorf("looks again after %s, want when the thousand are there: the set may have to wait for its turn", p.RequeueAfter)
	}
	if p.Unavailable != 2000000000-2 || p.Status.Replicas != 2 {
		t.Errorf("%d pods are unavailable and %d there, want all but 2, and 2", p.Unavailable, p.Status.Replicas)
	}
}

// Beyond the thousand a plan deals with, pods are missing too.
func TestWhatIsOutOfSightIsUnavailableToTheUpdate(t *testing.T) {
	w := parseWorld(t, `
set: {spec: {replicas: 1003, podManagementPolicy: Parallel, updateStrategy: {rollingUpdate: {maxUnavailable: 1001}}}}
template: B
history: [A, B]
current: A
pods: [web-0 A ready, web-1 A ready]
`)
	p := plan.Make(w.snapshot(t))
	if deletes := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Verb == plan.Delete }); deletes >= 0 {
		t.Errorf("plans to %s %s, and 1001 are unavailable already", p.Actions[deletes].Verb, p.Actions[deletes].Object.GetName())
	}
}

// kubernetes' clocks of conditions stand still while the status is False, and the deadline
// must not count from the last roll-out.
func TestTheDeadlineOfASetThatIsRefusedCountsFromTheEndOfItsRest(t *testing.T) {
	w := parseWorld(t, `
set:
  metadata: {annotations: {ordinal.dev/progress-deadline: 60s}, creationTimestamp: "2026-01-01T10:00:00Z"}
  status: {conditions: [{type: Progressing, status: "False", reason: Complete, lastTransitionTime: "2026-01-01T10:05:00Z"}]}
  spec: {replicas: 2}
template: A
history: [A]
current: A
pods: [web-0 A ready 60m]
refused: {reason: FailedCreate, message: exceeded quota}
`)
	s := w.snapshot(t)
	for _, after := range []time.Duration{0, time.Second, 59 * time.Second, 60 * time.Second} {
		s.Now = now.Add(after)
		made := plan.Make(s)
		stalled := slices.ContainsFunc(made.Status.Conditions, func(c appsv1.StatefulSetCondition) bool { return c.Type == plan.ConditionStalled })
		if want := after == time.Minute; stalled != want {
			t.Errorf("%s after it was scaled into a quota: stalled %t, want %t", after, stalled, want)
		}
		s.Set.Status = made.Status
	}
}
