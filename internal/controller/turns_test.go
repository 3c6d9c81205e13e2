package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var another = types.NamespacedName{Namespace: "default", Name: "another"}

func numbered(n int) []types.NamespacedName {
	sets := make([]types.NamespacedName, n)
	for i := range sets {
		sets[i] = types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("set-%d", i)}
	}
	return sets
}

func fixedTurns(limit float64) *turns {
	t := newTurns(1)
	t.limit, t.least, t.most = limit, limit, limit
	return &t
}

// Sets that never get done, and to which something happens all the time, hold the
// others up the longest.
func TestNobodyWaitsLongerThanTheTurnsOfThoseBefore(t *testing.T) {
	for _, wakes := range []bool{true, false} {
		const step = 10 * time.Millisecond
		sets, now := numbered(50), time.Unix(0, 0)
		asks := map[types.NamespacedName]time.Time{} // when each asks next
		const limit = 4
		q := fixedTurns(limit)
		if wakes {
			q.wake = func(set types.NamespacedName) { asks[set] = now }
		}
		for _, set := range sets {
			asks[set] = now
		}
		began := map[types.NamespacedName]time.Duration{}
		var order []types.NamespacedName
		for ; len(began) < len(sets) && now.Before(time.Unix(100, 0)); now = now.Add(step) {
			for again := true; again; {
				again = false
				for _, set := range sets {
					if _, has := began[set]; has {
						q.keep(set, true, now)
						continue
					}
					if asks[set].After(now) {
						continue
					}
					wait := q.take(set, now)
					asks[set] = now.Add(wait)
					if wait == 0 {
						began[set], again = now.Sub(time.Unix(0, 0)), true
						order = append(order, set)
					}
				}
			}
		}
		if !slices.Equal(order, sets) {
			t.Errorf("woken: %t: they began in the order %v", wakes, order)
		}
		for i, set := range sets {
			if most := time.Duration((i+limit-1)/limit)*longestTurn + step; began[set] > most {
				t.Errorf("woken: %t: number %d began after %s, want at most %s", wakes, i, began[set], most)
			}
		}
	}
}

func TestASetAtRestLetsTheNextInLineBegin(t *testing.T) {
	sets, now := numbered(4), time.Unix(0, 0)
	var woken []types.NamespacedName
	q := fixedTurns(1)
	q.wake = func(set types.NamespacedName) { woken = append(woken, set) }
	for i, set := range sets {
		if waits := q.take(set, now) > 0; waits != (i > 0) {
			t.Fatalf("%s waits: %t", set, waits)
		}
	}
	q.end(sets[1], now) // deleted while it waited
	q.end(sets[0], now)
	if want := sets[2:3]; !slices.Equal(woken, want) {
		t.Errorf("woken: %v, want %v", woken, want)
	}
	if q.take(sets[2], now.Add(time.Hour)) > 0 {
		t.Error("a set whose turn has come waits again because it came late")
	}
}

func TestASetWhosePodsTakeTheirTimeKeepsNobodyWaiting(t *testing.T) {
	sets, now := numbered(2), time.Unix(0, 0)
	q := fixedTurns(1)
	q.take(sets[0], now)
	if wait := q.take(sets[1], now); wait != longestTurn {
		t.Errorf("asked to wait for %s before anything had happened, want %s", wait, longestTurn)
	}
	now = now.Add(idleTurn / 2)
	q.keep(sets[0], true, now)
	if wait := q.take(sets[1], now); wait != idleTurn {
		t.Errorf("asked to wait for %s, want %s", wait, idleTurn)
	}
	if q.take(sets[1], now.Add(idleTurn/2)) == 0 {
		t.Error("begun although something has just happened to the one before")
	}
	if q.take(sets[1], now.Add(idleTurn)) > 0 {
		t.Error("still waiting for a set to which nothing happens")
	}
}

func TestAWokenSetKeepsItsPlaceUntilSomethingHasHappened(t *testing.T) {
	sets, now := numbered(3), time.Unix(0, 0)
	q := fixedTurns(1)
	for _, set := range sets {
		q.take(set, now)
	}
	q.end(sets[0], now) // which wakes the next
	if wait := q.take(sets[1], now); wait > 0 {
		t.Errorf("woken, and to wait for %s", wait)
	}
	if wait := q.take(sets[2], now); wait != longestTurn {
		t.Errorf("asked to wait for %s, want %s: the one before has only come", wait, longestTurn)
	}
	q.keep(sets[1], true, now.Add(1))
	if wait := q.take(sets[2], now.Add(1)); wait != idleTurn {
		t.Errorf("asked to wait for %s, want %s", wait, idleTurn)
	}
}

func TestAsManySetsMoveAsAreDoneInTime(t *testing.T) {
	always := func(took time.Duration) func(float64) time.Duration {
		return func(float64) time.Duration { return took }
	}
	each := func(n float64) func(float64) time.Duration { // so many would take statusDelay
		return func(moving float64) time.Duration { return time.Duration(moving / n * float64(statusDelay)) }
	}
	for name, test := range map[string]struct {
		took        func(moving float64) time.Duration
		least, most float64
	}{
		"always easy":      {always(easyTurn), 64, 64},
		"neither":          {always(easyTurn + 1), 24, 24},
		"always hard":      {always(hardTurn), 16, 16},
		"longer with each": {each(32), 20, 28},
		"with many":        {each(64), 41, 55},
		"hard with fewest": {each(16), 16, 16},
	} {
		q, now := newTurns(16), time.Unix(0, 0)
		q.limit = 24
		for _, set := range numbered(2000) {
			q.take(set, now)
			q.end(set, now.Add(test.took(q.limit)))
		}
		if q.limit < test.least || q.limit > test.most {
			t.Errorf("%s: %g sets move at a time, want %g to %g", name, q.limit, test.least, test.most)
		}
	}
}

// A cluster does one thing after another, of which each set needs nine, and is busy
// with something else at first. Nothing happens to any set for long then, which is
// no reason to let more of them begin: each would take longer still.
func TestAClusterThatIsBehindIsNotGivenMore(t *testing.T) {
	const steps, step, tick = 9, 3 * time.Millisecond, 10 * time.Millisecond
	q, now, free := newTurns(16), time.Unix(0, 0), time.Unix(0, 0).Add(700*time.Millisecond)
	left := map[types.NamespacedName]int{}
	var work []types.NamespacedName // in the order in which the cluster does it
	most, line := 0, numbered(500)
	for len(left) < len(line) || len(work) > 0 {
		for _, set := range line {
			if _, begun := left[set]; !begun && q.take(set, now) == 0 {
				left[set] = steps
				work = append(work, set)
			}
		}
		for now = now.Add(tick); len(work) > 0 && !free.Add(step).After(now); work = work[1:] {
			free = free.Add(step)
			set := work[0]
			if left[set]--; left[set] == 0 {
				q.end(set, free)
				continue
			}
			q.keep(set, true, free)
			work = append(work, set)
		}
		most = max(most, len(q.moving))
	}
	if most > int(q.most) {
		t.Errorf("%d sets moved at a time, want no more than %g", most, q.most)
	}
}

// busy makes a world in which another set moves, and there is room for one.
func busy(t *testing.T, replicas int32) *world {
	t.Helper()
	w := newWorld(t, web(replicas))
	w.r.turns.limit, w.r.turns.most = 1, 1
	w.settle()
	w.r.turns.take(another, w.clock.Now())
	return w
}

func TestANewGenerationWaitsForItsTurn(t *testing.T) {
	w := busy(t, 3)
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	writes, result, err := w.reconcile()
	if err != nil || len(writes) > 0 || result.RequeueAfter != longestTurn {
		t.Fatalf("wrote %v, %+v, %v; want nothing, and another look after %s", writes, result, err, longestTurn)
	}
	w.r.turns.end(another, w.clock.Now())
	if want := []string{"delete pods web-2", "delete pods web-1", "status statefulsets web"}; !slices.Equal(w.settle(), want) {
		t.Errorf("wrote otherwise than %v when its turn had come", want)
	}
	if len(w.r.turns.moving) > 0 {
		t.Errorf("at rest, and still counted: %v", w.r.turns.moving)
	}
}

func TestWhatOnlyTheStatusCountsHappensToASetAllTheSame(t *testing.T) {
	w := newWorld(t, web(1))
	w.r.turns = *fixedTurns(1)
	ask := func(set types.NamespacedName) time.Duration { return w.r.turns.take(set, w.clock.Now()) }
	w.r.counted(another) // which does not move, and does not begin for that
	if wait := ask(webKey); wait > 0 {
		t.Fatalf("the first set has to wait for %s, and nobody moves", wait)
	}
	for range 3 {
		w.clock.Step(idleTurn * 4 / 5)
		w.r.counted(webKey)
	}
	w.clock.Step(idleTurn / 2)
	if wait := ask(another); wait != idleTurn/2 {
		t.Errorf("half a pause after the last change another set has to wait for %s, want the other half, %s", wait, idleTurn/2)
	}
}

// It tells of the generation that it names, and is not behind.
func TestTheStatusOfASetThatWaitsIsLeftAlone(t *testing.T) {
	w := busy(t, 3)
	w.r.turns.take(types.NamespacedName{Name: "third"}, w.clock.Now()) // is next
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	for began := w.clock.Now(); w.clock.Since(began) < 3*statusDelay/2; w.clock.Step(idleTurn / 2) {
		w.r.turns.keep(another, true, w.clock.Now())
		w.r.turns.keep(types.NamespacedName{Name: "third"}, true, w.clock.Now())
		if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
			t.Fatalf("after %s: wrote %v, %v", w.clock.Since(began), writes, err)
		}
	}
}

func TestAPodThatIsLostIsReplacedWithoutWaiting(t *testing.T) {
	w := busy(t, 3)
	if err := w.api.Delete(t.Context(), w.pod("web-1")); err != nil {
		t.Fatal(err)
	}
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create pods web-1") {
		t.Errorf("wrote %v, %v; want the pod", writes, err)
	}
}

func TestASetThatMovesDoesNotWaitForItsNextGeneration(t *testing.T) {
	w := busy(t, 3)
	w.r.turns.end(another, w.clock.Now())
	scale := func(to int32) func(*appsv1.StatefulSet) {
		return func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To(to) }
	}
	w.change(scale(1))
	if writes, _, err := w.reconcile(); err != nil || len(writes) == 0 {
		t.Fatalf("wrote %v, %v; want a pod deleted", writes, err)
	}
	w.clock.Step(longestTurn)
	w.r.turns.take(another, w.clock.Now())
	w.change(scale(0))
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "delete pods web-1") {
		t.Errorf("wrote %v, %v; want the next pod deleted", writes, err)
	}
	if len(w.r.turns.line) > 0 {
		t.Errorf("it has begun, and is in line: %v", w.r.turns.line)
	}
}

// A dependency that comes and goes must not keep what mends it in line.
func TestSetsThatMoveWithoutATurnKeepNobodyWaiting(t *testing.T) {
	q, sets, now := newTurns(16), numbered(1000), time.Unix(0, 0)
	for _, set := range sets[1:] {
		q.keep(set, false, now)
	}
	limit := q.limit
	if wait := q.take(sets[0], now); wait != 0 {
		t.Errorf("a set waits for %s while pods of others come and go", wait)
	}
	for _, set := range sets[1:] {
		q.end(set, now.Add(time.Minute))
	}
	if q.limit != limit {
		t.Errorf("%g sets may move at a time, and not %g: how long others took says nothing of that", q.limit, limit)
	}
}

func TestASetThatMovesIsNotStoppedByItsNextGeneration(t *testing.T) {
	q, sets, now := fixedTurns(1), numbered(10), time.Now()
	q.keep(sets[0], false, now)
	for _, set := range sets[1:] {
		q.take(set, now)
	}
	if wait := q.take(sets[0], now); wait != 0 {
		t.Errorf("it waits for %s", wait)
	}
}

func TestASetThatNeedsNoTurnLeavesTheLine(t *testing.T) {
	q, sets, now := fixedTurns(1), numbered(3), time.Now()
	for _, set := range sets {
		q.take(set, now)
	}
	q.keep(sets[2], true, now)
	if !slices.Equal(q.line, sets[1:2]) || len(q.waits) != 1 {
		t.Errorf("in line are %v, want %v", q.line, sets[1:2])
	}
}

func TestTheStatusOfASetThatWaitsTellsOfItsPods(t *testing.T) {
	w := busy(t, 3)
	w.r.turns.take(types.NamespacedName{Name: "third"}, w.clock.Now()) // is next
	w.change(func(set *appsv1.StatefulSet) {
		set.Spec.Replicas, set.Spec.PodManagementPolicy = ptr.To[int32](5), appsv1.ParallelPodManagement
	})
	began := w.clock.Now()
	pod := w.pod("web-1")
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	if err := w.api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	for w.set().Status.ReadyReplicas == 3 {
		w.r.turns.keep(another, true, w.clock.Now())
		_, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if late := w.clock.Since(began); late > statusDelay {
			t.Fatalf("a pod is not ready any more, and %s later the status does not say so", late)
		}
		w.clock.Step(result.RequeueAfter)
	}
	w.r.turns.keep(another, true, w.clock.Now())
	if _, _, err := w.reconcile(); err != nil || len(w.podNames()) > 3 {
		t.Errorf("there are %v: it has not waited (%v)", w.podNames(), err)
	}
}

func TestTheStatusOfASetThatWaitsStaysThatOfItsGeneration(t *testing.T) {
	written := appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 3, CurrentReplicas: 3, Replicas: 3}
	for _, test := range []struct{ made, want appsv1.StatefulSetStatus }{
		{
			appsv1.StatefulSetStatus{ObservedGeneration: 2, UpdateRevision: "web-B", CurrentRevision: "web-A", CurrentReplicas: 2, Replicas: 2, ReadyReplicas: 1},
			appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 2, CurrentReplicas: 2, Replicas: 2, ReadyReplicas: 1},
		}, {
			appsv1.StatefulSetStatus{ObservedGeneration: 2, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 1, CurrentReplicas: 1, Replicas: 2},
			appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 1, CurrentReplicas: 1, Replicas: 2},
		},
	} {
		if waiting(&written, &test.made); !equality.Semantic.DeepEqual(test.made, test.want) {
			t.Errorf("got %+v\nwant %+v", test.made, test.want)
		}
	}
}
