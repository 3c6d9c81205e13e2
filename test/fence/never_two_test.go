package fence

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/world"
)

// replicas are so many, and take so long to get ready, that something can happen in the
// middle of a roll-out.
const (
	replicas   = 6
	readyAfter = "400ms"
)

// TestNeverTwo has the fence go, and come back, in the middle of a roll-out.
func TestNeverTwo(t *testing.T) {
	s := newStage(t, "--statefulset-controller", "in-tree")
	s.ordinal()
	for name, test := range map[string]struct {
		lose, restore func(s *stage, namespace string)
	}{
		"the policy is deleted": {
			lose:    func(s *stage, _ string) { s.must(s.cluster.DropPolicy(s.Context())) },
			restore: func(s *stage, _ string) { s.must(s.cluster.RaisePolicy(s.Context())) },
		},
		"the label is removed": {
			lose: func(s *stage, namespace string) {
				s.mark(namespace, func(ns *corev1.Namespace) { delete(ns.Labels, fence.Label) })
			},
			restore: func(s *stage, namespace string) { s.setLabel(namespace, fence.Ordinal) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.of(t)
			a := s.begin()
			a.rollOut("2")
			lost := time.Now()
			test.lose(s, a.Namespace)
			a.until("neither acting nor about to", func(state string) bool { return state != fence.Acting && state != fence.Proving })
			a.wake()
			a.rest()
			restored := time.Now()
			test.restore(s, a.Namespace)
			a.untilActing()
			a.rollOut("3")
			a.rest()
			writes := s.written()
			a.mustTakeTurns(writes, gap{lost, restored})
			a.mustHaveRestarted(writes, 2)
		})
	}
}

// TestTheFenceOutlivesItsServers has the processes restarted that the fence keeps apart,
// and the one in which it is.
func TestTheFenceOutlivesItsServers(t *testing.T) {
	s := newStage(t, "--statefulset-controller", "in-tree")
	s.ordinal()
	for name, restart := range map[string]func(context.Context) error{
		"the API server and the in-tree controller restart":    s.cluster.Restart,
		"the API server and the in-tree controller are killed": s.cluster.Kill,
	} {
		t.Run(name, func(t *testing.T) {
			s := s.of(t)
			a := s.begin()
			a.rollOut("2")
			s.must(restart(t.Context()))
			a.rest()
			writes := s.written()
			a.mustBeAlone(writes)
			a.mustHaveRestarted(writes, 1)
		})
	}
}

// TestTheInTreeControllerRestarts has it restarted where it is in a process of its own.
func TestTheInTreeControllerRestarts(t *testing.T) {
	s := newStage(t)
	s.ordinal()
	stop := s.inTree()
	a := s.begin()
	a.rollOut("2")
	stop()
	s.inTree()
	a.rest()
	writes := s.written()
	a.mustBeAlone(writes)
	a.mustHaveRestarted(writes, 1)
}

// An act is a set in a namespace that is Ordinal's.
type act struct {
	*world.World
	stage *stage
}

// begin makes one, with all its pods.
func (s *stage) begin() *act {
	s.Helper()
	namespace := s.anyNamespace()
	s.take(namespace)
	a := &act{world.In(s.T, s.admin, namespace), s}
	a.untilActing()
	set := setOf(namespace, "web")
	set.Spec.Replicas = new(int32(replicas))
	set.Spec.Template.Annotations = map[string]string{"ordinal.dev/sim-ready-after": readyAfter}
	_, err := s.admin.AppsV1().StatefulSets(namespace).Create(s.Context(), set, metav1.CreateOptions{})
	s.must(err)
	a.rest()
	s.written() // is of what was before
	return a
}

func (a *act) untilActing() {
	a.Helper()
	a.until(fence.Acting, func(state string) bool { return state == fence.Acting })
}

// until waits until the controller says that the namespace is in such a state, "" if it
// says nothing of it.
func (a *act) until(what string, is func(state string) bool) {
	a.Helper()
	a.stage.eventually(func() error {
		at, err := a.stage.cluster.Standing(a.Context(), a.Namespace)
		if err != nil {
			return err
		}
		if at == nil {
			at = &fence.NamespaceRecord{}
		}
		if !is(at.State) {
			return fmt.Errorf("the namespace is to be %s, and is %s: %s", what, at.State, at.Why)
		}
		return nil
	})
}

// rollOut changes the template, and waits until some pods have the change.
func (a *act) rollOut(to string) {
	a.Helper()
	a.patch(fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"to":%q}}}}}`, to))
	a.Eventually(func() error {
		if set := a.Set("web"); set.Status.UpdatedReplicas < 2 || set.Status.UpdatedReplicas == replicas {
			return errors.New("the roll-out is not in its middle")
		}
		return nil
	})
}

// wake has the in-tree controller look at the set now. It backs off from a set for which it
// was refused again and again.
func (a *act) wake() {
	a.Helper()
	a.patch(`{"metadata":{"annotations":{"wake":"up"}}}`)
}

func (a *act) patch(patch string) {
	a.Helper()
	_, err := a.Client.AppsV1().StatefulSets(a.Namespace).Patch(a.Context(), "web", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	a.Must(err)
}

// rest waits until the roll-out is complete.
func (a *act) rest() {
	a.Helper()
	a.stage.eventually(func() error {
		set, err := a.Client.AppsV1().StatefulSets(a.Namespace).Get(a.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return complete(set)
	})
}

// complete objects unless all replicas of a set are available and up to date.
func complete(set *appsv1.StatefulSet) error {
	status, n := set.Status, *set.Spec.Replicas
	if status.ObservedGeneration != set.Generation || status.Replicas != n || status.AvailableReplicas != n ||
		status.UpdatedReplicas != n || status.CurrentRevision != status.UpdateRevision {
		return fmt.Errorf("%s is not complete: %+v", set.Name, status)
	}
	return nil
}
