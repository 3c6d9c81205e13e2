package controller

import (
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// memory is what the controller remembers of one set between plans: each room its own
// part. All of it may be lost at any time: a new instance starts without. One worker at
// a time uses a set's memory; only the expectations are shared by its writes, and what is
// pending by those who hear of changes.
type memory struct {
	uid        types.UID // of the set, not only of its name
	firstSeen  time.Time
	failures   map[int]plan.Failure  // of pods, by ordinal
	healed     []int                 // ordinals whose pods heal took
	bore       map[int]string        // revisions of pods, by ordinal
	refusal    *plan.EvictionRefusal // what a PodDisruptionBudget said last
	template   []byte                // the revision.Data of the set as of generation; may be nil
	generation int64

	dryRuns    map[string]plan.DryRun          // what the API server said to pods with overrides
	noResize   bool                            // the API server cannot resize pods
	policiesAt time.Time                       // when statuses of policies were written last
	resize     *plan.ResizeRefusal             // the resize that it refused last
	claims     map[types.UID]plan.ClaimRefusal // changes of claims that it refused last
	volumes    map[string]plan.Volume          // what is known of volumes

	set       *appsv1.StatefulSet // as it was last planned for
	service   *corev1.Service     // the governing Service as it was last seen; nil for never
	noService time.Time           // since when there is no governing Service; zero while there is one
	spaceEnds bool                // the namespace is being deleted

	hold  int    // the last hold of the namespace that the set has come through; see package guard
	proof int    // the proof of the fence by which it was last acted on; see package interlock
	stop  string // why it has not been since, as far as an event has told it

	freshness snapshot.Freshness
	asked     snapshot.Asked
	writes    apply.Memory
	report    report.Memory
	pending   queue.Pending
}

// noteService notes which governing Service there is, or since when there is none.
func (m *memory) noteService(s *plan.Snapshot) {
	m.set = s.Set
	switch {
	case s.Service != nil:
		m.service, m.noService = s.Service, time.Time{}
	case m.noService.IsZero():
		m.noService = s.Now
	}
}

// templateOf is the set's pod template as its revision records it. To encode it for
// every plan would cost as much as the rest of planning.
func (m *memory) templateOf(set *appsv1.StatefulSet) []byte {
	if m.template == nil || m.generation != set.Generation {
		data, err := revision.Data(set)
		if err != nil {
			data = nil // the plan meets the same error, and tells of it
		}
		m.template, m.generation = data, set.Generation
	}
	return m.template
}

// memories holds the memory of every set.
type memories struct{ m sync.Map }

func (ms *memories) of(set types.NamespacedName) *memory {
	m, has := ms.m.Load(set)
	if !has {
		m, _ = ms.m.LoadOrStore(set, &memory{})
	}
	return m.(*memory)
}

// renew replaces what is remembered of an earlier set of this name.
func (ms *memories) renew(set types.NamespacedName, uid types.UID, now time.Time) *memory {
	m := &memory{uid: uid, firstSeen: now}
	ms.m.Store(set, m)
	return m
}

// awaits reports whether a set's next plan waits for the caches.
func (ms *memories) awaits(set types.NamespacedName) bool {
	m, has := ms.m.Load(set)
	return has && m.(*memory).pending.IsAwaited()
}

// each calls do for the sets of a namespace, or with no name, of all, of which anything is
// remembered.
func (ms *memories) each(namespace string, do func(types.NamespacedName)) {
	ms.m.Range(func(key, _ any) bool {
		if set := key.(types.NamespacedName); namespace == "" || set.Namespace == namespace {
			do(set)
		}
		return true
	})
}

func (ms *memories) forget(set types.NamespacedName) { ms.m.Delete(set) }
