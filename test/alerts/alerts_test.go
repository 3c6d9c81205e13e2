package alerts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"go.yaml.in/yaml/v3"
)

const chart = "../../charts/ordinal"

// One series of each case is what a scrape has found every minute, for ten minutes.
var cases = []struct {
	alert, when string
	fires       bool
	series      string
}{
	{"OrdinalFenceDown", "the policy was deleted", true, `
		ordinal_fence_up{pod="a"} 1 1 0x9
		ordinal_namespace_state{namespace="db",state="Acting"} 1 1 0x9
		ordinal_namespace_state{namespace="db",state="Stopped"} 0 0 1x9`},
	{"OrdinalFenceDown", "nothing is taken", false, `
		ordinal_fence_up{pod="a"} 0x10`},
	{"OrdinalFenceDown", "everything was given back", false, `
		ordinal_fence_up{pod="a"} 0x10
		ordinal_namespace_state{namespace="db",state="Left"} 1x10`},
	{"OrdinalFenceDown", "an instance that does not lead knows nothing", false, `
		ordinal_fence_up{pod="a"} 1x10
		ordinal_fence_up{pod="b"} 0x10
		ordinal_namespace_state{namespace="db",state="Acting"} 1x10`},
	{"OrdinalFenceDoesNotHold", "a write was accepted again and again", true, `
		ordinal_fence_probes_total{result="accepted"} 0+2x10`},
	{"OrdinalFenceDoesNotHold", "all were refused", false, `
		ordinal_fence_probes_total{result="accepted"} 3x10
		ordinal_fence_probes_total{result="refused"} 0+2x10`},
	{"OrdinalNamespaceStopped", "a namespace stopped", true, `
		ordinal_namespace_state{namespace="db",state="Stopped"} 1x10`},
	{"OrdinalNamespaceStopped", "it goes on", false, `
		ordinal_namespace_state{namespace="db",state="Stopped"} 1 1 0x9
		ordinal_namespace_state{namespace="db",state="Acting"} 0 0 1x9`},
	{"OrdinalSecondController", "another acts in a namespace", true, `
		ordinal_namespace_held{namespace="db"} 1x10`},
	{"OrdinalSecondController", "none does", false, `
		ordinal_fence_up 1x10`},
	{"OrdinalSetStuck", "a set is beyond its deadline", true, `
		ordinal_sets{condition="Stalled",status="True"} 1x10`},
	{"OrdinalSetStuck", "the set that was came on", false, `
		ordinal_sets{condition="Stalled",status="True"} 1 1 0x9
		ordinal_sets{condition="Progressing",status="False"} 5x10`},
	{"OrdinalBehind", "sets wait for a minute and a half", true, `
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="10"} 0x10
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="100"} 0+10x10
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="+Inf"} 0+10x10`},
	{"OrdinalBehind", "they wait for a moment", false, `
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="0.1"} 0+10x10
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="100"} 0+10x10
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="+Inf"} 0+10x10`},
	{"OrdinalBehind", "there is nothing to do", false, `
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="100"} 5x10
		workqueue_queue_duration_seconds_bucket{name="statefulset",le="+Inf"} 5x10`},
	{"OrdinalWritesFail", "half of all writes are forbidden", true, `
		ordinal_writes_total{result="ok"} 0+60x10
		ordinal_writes_total{result="Forbidden"} 0+60x10`},
	{"OrdinalWritesFail", "some meet a conflict", false, `
		ordinal_writes_total{result="ok"} 0+60x10
		ordinal_writes_total{result="Conflict"} 0+60x10`},
	{"OrdinalNoLeader", "both wait for the lease", true, `
		leader_election_master_status{name="ordinal-controller",pod="a"} 0x10
		leader_election_master_status{name="ordinal-controller",pod="b"} 0x10`},
	{"OrdinalNoLeader", "nobody is there, but another program's leader", true, `
		leader_election_master_status{name="other",pod="a"} 1x10`},
	{"OrdinalNoLeader", "one of two leads", false, `
		leader_election_master_status{name="ordinal-controller",pod="a"} 0x10
		leader_election_master_status{name="ordinal-controller",pod="b"} 1x10`},
}

// afterTenMinutes is what an expression gives at the end of series with a sample a minute.
func afterTenMinutes(t *testing.T, engine *promql.Engine, series, expression string) promql.Vector {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m"+series)
	query, err := engine.NewInstantQuery(t.Context(), storage, promql.NewPrometheusQueryOpts(false, 0), expression, time.Unix(0, 0).Add(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(query.Close)
	found, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAlertsFireWhenTheyMust(t *testing.T) {
	rules, tested := rules(t), map[string]map[bool]bool{}
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	for _, c := range cases {
		t.Run(c.alert+", "+c.when, func(t *testing.T) {
			found := afterTenMinutes(t, engine, c.series, rules[c.alert])
			if (len(found) > 0) != c.fires {
				t.Errorf("it gives %v", found)
			}
		})
		if tested[c.alert] == nil {
			tested[c.alert] = map[bool]bool{}
		}
		tested[c.alert][c.fires] = true
	}
	for name := range rules {
		if len(tested[name]) != 2 {
			t.Errorf("%s needs a case in which it fires and one in which it does not", name)
		}
	}
}

// rules are the alerts' queries by their names.
func rules(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(chart + "/alerts/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files of rules", err)
	}
	found := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Groups []struct {
				Rules []struct{ Alert, Expr string }
			}
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(path, err)
		}
		for _, group := range file.Groups {
			for _, rule := range group.Rules {
				found[rule.Alert] = rule.Expr
			}
		}
	}
	return found
}
