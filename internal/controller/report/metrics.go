package report

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// Metrics are upstream's by their names, and ours. All methods may be called on
// nil, which counts nothing.
type Metrics struct {
	maxUnavailable, unavailable *prometheus.GaugeVec
	staleSkips                  *prometheus.CounterVec
	planSeconds, applySeconds   prometheus.Histogram
	writes                      *prometheus.CounterVec
	sets, held, states, claims  *prometheus.GaugeVec
	fence                       prometheus.Gauge
	probes                      *prometheus.CounterVec

	mu    sync.Mutex
	shown map[types.NamespacedName]shown
}

// shown is what the gauges show of one set. They are set when it changes: to look all
// of them up by their labels for every plan is dear beside the plan.
type shown struct {
	policy                      string
	maxUnavailable, unavailable int
	conditions                  []appsv1.StatefulSetCondition
	claims                      map[plan.ClaimStage]int // of those that are not as is wanted
}

func (s shown) equal(t shown) bool {
	return s.policy == t.policy && s.maxUnavailable == t.maxUnavailable && s.unavailable == t.unavailable && maps.Equal(s.claims, t.claims) &&
		slices.EqualFunc(s.conditions, t.conditions, func(a, b appsv1.StatefulSetCondition) bool {
			return a.Type == b.Type && a.Status == b.Status
		})
}

// NewMetrics registers the metrics, or finds those that an earlier controller of
// this process has registered.
func NewMetrics() (*Metrics, error) {
	perSet := []string{"statefulset_namespace", "statefulset_name", "pod_management_policy"}
	m := &Metrics{
		maxUnavailable: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "statefulset_controller_statefulset_max_unavailable",
			Help: "Most pods that may be unavailable during a rolling update.",
		}, perSet),
		unavailable: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "statefulset_controller_statefulset_unavailable_replicas",
			Help: "Wanted pods that are not available.",
		}, perSet),
		staleSkips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "statefulset_controller_stale_sync_skips_total",
			Help: "Times a set was left alone because a cache was behind the controller's own writes.",
		}, []string{"group", "resource"}),
		planSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ordinal_plan_duration_seconds", Help: "Time to take a snapshot and plan.",
			Buckets: prometheus.ExponentialBuckets(1e-5, 4, 8),
		}),
		applySeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ordinal_apply_duration_seconds", Help: "Time to carry out a plan that had something to do.",
			Buckets: prometheus.ExponentialBuckets(1e-3, 4, 8),
		}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinal_writes_total", Help: "Writes to the API server.",
		}, []string{"resource", "verb", "result"}),
		sets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ordinal_sets", Help: "StatefulSets by condition.",
		}, []string{"condition", "status"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ordinal_namespace_held", Help: "1 for a namespace in which nothing is written, since another controller acts on its StatefulSets.",
		}, []string{"namespace"}),
		states: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ordinal_namespace_state", Help: "1 for how a namespace that is Ordinal's stands: Proving, Acting, Stopped, Leaving or Left.",
		}, []string{"namespace", "state"}),
		claims: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ordinal_claims_changing", Help: "Claims that are not yet as their templates are wanted, by how far they are.",
		}, []string{"stage"}),
		fence: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ordinal_fence_up", Help: "1 if the policy and the binding that keep the in-tree controller out are as they must be.",
		}),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinal_fence_probes_total", Help: "Test writes in the in-tree controller's name, by how they ended.",
		}, []string{"result"}),
		shown: map[types.NamespacedName]shown{},
	}
	return m, errors.Join(
		register(&m.maxUnavailable), register(&m.unavailable), register(&m.staleSkips),
		register(&m.planSeconds), register(&m.applySeconds), register(&m.writes), register(&m.sets), register(&m.held), register(&m.claims),
		register(&m.states), register(&m.fence), register(&m.probes),
	)
}

func register[C prometheus.Collector](c *C) error {
	err := runtimemetrics.Registry.Register(*c)
	var taken prometheus.AlreadyRegisteredError
	if errors.As(err, &taken) {
		if existing, ok := taken.ExistingCollector.(C); ok {
			*c = existing
			return nil
		}
	}
	return err
}

// Stale counts a set that was left alone since the cache of a kind was behind.
func (m *Metrics) Stale(k kinds.Kind) {
	if m != nil {
		m.staleSkips.WithLabelValues(k.Resource().Group, k.Resource().Resource).Inc()
	}
}

// Planned shows a plan in the metrics, and how long it took to make.
func (m *Metrics) Planned(key types.NamespacedName, set *appsv1.StatefulSet, p *plan.Plan, took time.Duration) {
	if m == nil {
		return
	}
	m.planSeconds.Observe(took.Seconds())
	m.show(key, shown{string(set.Spec.PodManagementPolicy), p.MaxUnavailable, p.Unavailable, p.Status.Conditions, stages(p.Claims)})
}

// show puts what is so of a set in place of what was.
func (m *Metrics) show(key types.NamespacedName, is shown) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, has := m.shown[key]
	if has && was.equal(is) {
		return
	}
	if has && was.policy != is.policy {
		m.drop(key, was.policy)
	}
	m.maxUnavailable.WithLabelValues(key.Namespace, key.Name, is.policy).Set(float64(is.maxUnavailable))
	m.unavailable.WithLabelValues(key.Namespace, key.Name, is.policy).Set(float64(is.unavailable))
	m.count(was, -1)
	m.count(is, 1)
	m.shown[key] = is
}

func (m *Metrics) drop(key types.NamespacedName, policy string) {
	m.maxUnavailable.DeleteLabelValues(key.Namespace, key.Name, policy)
	m.unavailable.DeleteLabelValues(key.Namespace, key.Name, policy)
}

func (m *Metrics) count(s shown, by float64) {
	for _, c := range s.conditions {
		m.sets.WithLabelValues(string(c.Type), string(c.Status)).Add(by)
	}
	for stage, n := range s.claims {
		m.claims.WithLabelValues(string(stage)).Add(by * float64(n))
	}
}

// Applied shows how long it took to carry out so many actions.
func (m *Metrics) Applied(actions int, took time.Duration) {
	if m != nil && actions > 0 {
		m.applySeconds.Observe(took.Seconds())
	}
}

func (m *Metrics) wrote(k kinds.Kind, verb string, err error) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = string(apierrors.ReasonForError(err))
	}
	m.writes.WithLabelValues(string(k), verb, result).Inc()
}

// Forget drops the gauges of a set that is gone.
func (m *Metrics) Forget(key types.NamespacedName) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, has := m.shown[key]; has {
		m.drop(key, was.policy)
		m.count(was, -1)
		delete(m.shown, key)
	}
}
