package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// foreign are metrics that libraries export: controller-runtime, client-go, and Prometheus'
// for a process; and the API server's, of its admission policies.
var foreign = []string{
	"workqueue_depth", "workqueue_queue_duration_seconds", "leader_election_master_status", "rest_client_requests_total",
	"process_resident_memory_bytes", "process_cpu_seconds_total", "apiserver_validating_admission_policy_check_total",
}

var (
	// declared finds the metrics' names in the controller's sources, and used those in a query.
	declared = regexp.MustCompile(`Name:\s*"([a-z_]+)"`)
	used     = regexp.MustCompile(`\b(?:ordinal|statefulset_controller|workqueue|leader_election|rest_client|process|apiserver)_[a-z_]+`)
	ofBucket = regexp.MustCompile(`_bucket$`)
)

// exported are all metrics that there are.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range foreign {
		names[name] = true
	}
	err := filepath.WalkDir(root+"/internal/controller", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(source, -1) {
			names[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// queries are those of the dashboard and of the alerts, by their titles.
func queries(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	text, err := os.ReadFile(chartDir + "/dashboards/ordinal.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found[panel.Title+" "+target.RefID] = target.Expr
		}
	}
	maps.Copy(found, alertNames(t))
	return found
}

// alertNames are the alerts' queries by their names.
func alertNames(t *testing.T) map[string]string {
	t.Helper()
	return alertsOf(t, everything)
}

func alertsOf(t *testing.T, values string) map[string]string {
	t.Helper()
	found := map[string]string{}
	groups, _, err := unstructured.NestedSlice(rendered(t, values)["PrometheusRule/ordinal-controller"].Object, "spec", "groups")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			found[rule.(map[string]any)["alert"].(string)] = rule.(map[string]any)["expr"].(string)
		}
	}
	return found
}

// A query for a metric that is not there shows nothing and alerts nobody.
func TestWhatIsAskedForIsExported(t *testing.T) {
	names, asked := exported(t), queries(t)
	if len(asked) < 20 {
		t.Fatalf("only %d queries were found", len(asked))
	}
	for title, query := range asked {
		metrics := used.FindAllString(query, -1)
		if len(metrics) == 0 {
			t.Errorf("%s asks for nothing: %s", title, query)
		}
		for _, metric := range metrics {
			if !names[ofBucket.ReplaceAllString(metric, "")] {
				t.Errorf("%s asks for %s, which nobody exports: %s", title, metric, query)
			}
		}
	}
}

func TestAlertsOfTheFenceAreForThoseWhoHaveOne(t *testing.T) {
	for name := range alertsOf(t, everything+"mode: whole-cluster") {
		if name == "OrdinalFenceDown" || name == "OrdinalFenceDoesNotHold" || name == "OrdinalNamespaceStopped" {
			t.Errorf("there is %s where no fence is", name)
		}
	}
}
