package main

import (
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// Most people still have Helm 3.
func TestHelm3RendersTheSame(t *testing.T) {
	for _, values := range []string{"", everything, "mode: whole-cluster", "namespaces: [db]"} {
		want, err := request{values: set(t, values)}.render()
		if err != nil {
			t.Fatal(err)
		}
		chart, err := loader.Load(chartDir)
		if err != nil {
			t.Fatal(err)
		}
		cluster := chartutil.DefaultCapabilities.Copy()
		cluster.APIVersions = append(cluster.APIVersions, mutating)
		all, err := chartutil.ToRenderValues(chart, set(t, values), chartutil.ReleaseOptions{
			Name: "ordinal", Namespace: namespace, Revision: 1, IsInstall: true,
		}, cluster)
		if err != nil {
			t.Fatal(err)
		}
		have, err := engine.Render(chart, all)
		if err != nil {
			t.Fatal(err)
		}
		if len(have) != len(want) {
			t.Errorf("Helm 3 makes %d files and Helm 4 %d", len(have), len(want))
		}
		for name, content := range have {
			if short := name[len("ordinal/templates/"):]; want[short] != content {
				t.Errorf("with %q, Helm 3 makes another %s:\n%s\nthan Helm 4:\n%s", values, short, content, want[short])
			}
		}
	}
}
