package alerts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// A panel of the dashboard, as far as it is tested.
type panel struct {
	Title, Type, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct {
		Expr    string
		Instant bool
	}
}

// columns is how many Grafana's grid has.
const columns = 24

// grafana puts in what Grafana does.
var grafana = strings.NewReplacer("$__rate_interval", "2m", "$namespace", ".*")

func dashboard(t *testing.T) []panel {
	t.Helper()
	text, err := os.ReadFile(chart + "/dashboards/ordinal.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []panel }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) == 0 {
		t.Fatal("it has no panels")
	}
	return d.Panels
}

func TestTheDashboardsQueriesCanBeParsed(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	for _, panel := range dashboard(t) {
		for _, target := range panel.Targets {
			if _, err := p.ParseExpr(grafana.Replace(target.Expr)); err != nil {
				t.Errorf("%s: %v", panel.Title, err)
			}
		}
	}
}

func TestTheDashboardsPanelsHaveAPlaceAndADescription(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range dashboard(t) {
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("%s has %d queries, and is described as %q", p.Title, len(p.Targets), p.Description)
		}
		at := p.GridPos
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= columns {
					t.Fatalf("%s overlaps with %q or the edge at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// What a number on top shows: one of those that its mappings name, or -- which is why it
// is asked for this moment alone -- nothing, if nothing is known.
var shown = []struct {
	title, when string
	want        float64
	series      string
}{
	{"Fence", "it is up", 1, `
		ordinal_fence_up{pod="a"} 1x10
		ordinal_namespace_state{namespace="db",state="Acting"} 1x10`},
	{"Fence", "it is down", 0, `
		ordinal_fence_up{pod="a"} 0x10
		ordinal_namespace_state{namespace="db",state="Stopped"} 1x10`},
	{"Fence", "none is needed", -1, `
		ordinal_fence_up{pod="a"} 0x10
		ordinal_namespace_state{namespace="db",state="Left"} 1x10`},
	{"Fence", "nobody is there any more", -2, `
		ordinal_fence_up{pod="a"} 1x4 stale`},
	{"Leader", "nobody is there any more", 0, `
		leader_election_master_status{name="ordinal-controller",pod="a"} 1x4 stale`},
	{"Leader", "one of two leads", 1, `
		leader_election_master_status{name="ordinal-controller",pod="a"} 0x10
		leader_election_master_status{name="ordinal-controller",pod="b"} 1x10`},
	{"Namespaces stopped", "none is", 0, `
		ordinal_fence_up{pod="a"} 1x10`},
	{"Namespaces stopped", "nobody is there any more", nothing, `
		ordinal_fence_up{pod="a"} 1x4 stale`},
	{"Second controller", "there is one, which both instances see", 1, `
		ordinal_fence_up{pod="a"} 1x10
		ordinal_namespace_held{namespace="db",pod="a"} 1x10
		ordinal_namespace_held{namespace="db",pod="b"} 1x10`},
	{"Not available", "all are", 0, `
		ordinal_sets{condition="Available",status="True"} 5x10`},
	{"Not available", "Ordinal has stopped", nothing, `
		ordinal_sets{condition="Available",status="True"} 0x10
		ordinal_sets{condition="Available",status="False"} 0x10`},
	{"Stalled", "one is", 1, `
		ordinal_sets{condition="Available",status="True"} 4x10
		ordinal_sets{condition="Available",status="False"} 1x10
		ordinal_sets{condition="Stalled",status="True"} 1x10`},
	{"Stalled", "Ordinal has stopped", nothing, `
		ordinal_sets{condition="Available",status="True"} 0x10
		ordinal_sets{condition="Stalled",status="True"} 0x10`},
}

// nothing is what a number shows of which nothing is known.
const nothing = -1000

func TestNumbersOnTopAreNotMisleading(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	asks := map[string]string{}
	for _, p := range dashboard(t) {
		if p.Type == "stat" {
			asks[p.Title] = p.Targets[0].Expr
			if !p.Targets[0].Instant {
				t.Errorf("%s would show what was so at some time", p.Title)
			}
		}
	}
	for _, c := range shown {
		t.Run(c.title+", "+c.when, func(t *testing.T) {
			found := afterTenMinutes(t, engine, c.series, asks[c.title])
			got := float64(nothing)
			if len(found) > 0 {
				got = found[0].F
			}
			if len(found) > 1 || got != c.want {
				t.Errorf("it is to show %v, and gives %v", c.want, found)
			}
		})
	}
}
