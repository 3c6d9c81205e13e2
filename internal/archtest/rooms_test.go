package archtest

import (
	"slices"
	"strings"
	"testing"
)

const controllerRoom = module + "/internal/controller"

// rooms maps each package below internal/controller to those of them that it may import.
// Only the controller itself joins them. controllertest is for tests, which the graph does
// not have, so nobody imports it.
var rooms = map[string][]string{
	"kinds":          {},
	"timing":         {},
	"guard":          {"kinds"},
	"hooks":          {},
	"interlock":      {},
	"snapshot":       {"kinds", "guard"},
	"apply":          {"kinds", "timing", "snapshot"},
	"queue":          {"kinds", "timing"},
	"report":         {"kinds", "timing"},
	"apiclient":      {"kinds", "snapshot"},
	"controllertest": {"kinds"},
}

func TestTheControllersRoomsImportOneWay(t *testing.T) {
	g := load(t)
	for _, pkg := range g.ours("internal/controller") {
		room, isRoom := strings.CutPrefix(pkg, controllerRoom+"/")
		allowed, known := rooms[room]
		if isRoom && !known {
			t.Errorf("%s is not in the table of rooms, which says what it may import", pkg)
		}
		for _, imported := range g[pkg] {
			other, isOther := strings.CutPrefix(imported, controllerRoom+"/")
			switch {
			case isRoom && imported == controllerRoom:
				t.Errorf("%s imports the controller, which imports it", pkg)
			case isRoom && isOther && !slices.Contains(allowed, other):
				t.Errorf("%s imports %s: it may import %s alone", pkg, imported, strings.Join(allowed, ", "))
			case isOther && other == "controllertest":
				t.Errorf("%s imports %s, which is for tests", pkg, imported)
			}
		}
	}
}
