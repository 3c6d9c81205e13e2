package apply

import (
	"errors"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

var web, orphan, claimOf = controllertest.Web, controllertest.Orphan, controllertest.ClaimOf

var errQuota = errors.New("exceeded quota: pods, requested: 1, used: 10, limited: 10")

// world is a writer to an API server in memory, and what it reports.
type world struct {
	*controllertest.World
	writer *Writer
	memory Memory
	heard
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{World: controllertest.New(t, objects...)}
	w.writer = &Writer{Client: w.API, Live: w.API, Clock: w.Clock, Each: InParallel}
	return w
}

// heard is what a writer reports.
type heard struct {
	mu            sync.Mutex
	wrote         int
	done, refused []plan.Event
	first         int // how many refusals were said to be the first
}

func (h *heard) Wrote(kinds.Kind, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrote++
}

func (h *heard) Done(e plan.Event) { h.done = append(h.done, e) }

func (h *heard) Refused(_ kinds.Kind, _ string, e plan.Event, _, first bool) {
	h.refused = append(h.refused, e)
	if first {
		h.first++
	}
}

// carryOut carries out actions for the world's set, as far as there is time for.
func (w *world) carryOut(actions ...plan.Action) (Result, error) {
	w.T.Helper()
	return w.writer.Do(w.T.Context(), w.Set(), actions, &w.memory, &w.heard)
}

// do carries out actions for the world's set.
func (w *world) do(actions ...plan.Action) error {
	w.T.Helper()
	_, err := w.carryOut(actions...)
	return err
}

// worldToFill is a world without pods, and the actions that create so many.
func worldToFill(t *testing.T, n int) (*world, []plan.Action) {
	t.Helper()
	objects, actions := []client.Object{web(3)}, make([]plan.Action, n)
	for i := range n {
		objects = append(objects, claimOf(i))
		actions[i] = plan.Action{Verb: plan.Create, Object: orphan(i)}
	}
	return newWorld(t, objects...), actions
}
