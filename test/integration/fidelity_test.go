package integration

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

const (
	// fidelitySeeds is the environment's say in which histories are played: one
	// number for how many, two with a dash for the first and the last.
	fidelitySeeds = "ORDINAL_FIDELITY_SEEDS"
	// fidelityLength is how many requests a history has.
	fidelityLength = 60
	// settleTime is how long the controllers of the real server may take until
	// both servers hold the same.
	settleTime = 45 * time.Second
)

// TestTheSimulatedServerAnswersAsTheRealOne sends the same random requests to the
// simulated API server and to the embedded one, and compares each answer and then
// all that both hold.
func TestTheSimulatedServerAnswersAsTheRealOne(t *testing.T) {
	t.Parallel()
	keepControllersOut(t)
	first, last := seeds(t)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newHistory(t, seed).play()
		})
	}
}

func seeds(t *testing.T) (first, last uint64) {
	from, to, both := strings.Cut(cmp.Or(os.Getenv(fidelitySeeds), "12"), "-")
	if !both {
		from, to = "1", from
	}
	first, err := strconv.ParseUint(from, 10, 64)
	if err == nil {
		last, err = strconv.ParseUint(to, 10, 64)
	}
	if err != nil {
		t.Fatalf("%s: %v", fidelitySeeds, err)
	}
	return first, last
}

// history is one sequence of requests, and what was said on the way.
type history struct {
	*testing.T
	seed      uint64
	namespace string
	server    *apiserver.Server // the simulated one
	real      *side
	simulated *side
	barrier   *barrier
	requests  *generator
	managers  *generator // chooses in whose names requests are made
	story     []string
}

func newHistory(t *testing.T, seed uint64) *history {
	server := apiserver.New(time.Now)
	actual := newRealServer(t)
	h := &history{
		T: t, seed: seed, namespace: actual.namespace, server: server, barrier: newBarrier(t, actual),
		real:      &side{server: actual, ledger: newLedger()},
		simulated: &side{server: &simulatedServer{server, actual.namespace}, ledger: newLedger()},
	}
	h.managers = &generator{Rand: rand.New(rand.NewPCG(seed, 0x3a5))}
	h.requests = &generator{Rand: rand.New(rand.NewPCG(seed, 0xf1de)), namespace: actual.namespace, server: server}
	return h
}

func (h *history) play() {
	for range fidelityLength {
		op := h.requests.next()
		if op.needsQuiet {
			h.barrier.pass()
		}
		h.both(op)
		h.settle()
	}
	h.barrier.pass()
	h.settle()
}

// both makes a request of both servers, which have to answer alike.
func (h *history) both(op operation) {
	manager := pick(h.managers, fieldManagers)
	h.real.As(manager)
	h.simulated.As(manager)
	simObject, simErr := op.do(h.simulated)
	realObject, realErr := op.do(h.real)
	h.story = append(h.story, fmt.Sprintf("%2d. %s: %s: %s", len(h.story)+1, manager, op.text, answer(realErr)))
	if answer(simErr) != answer(realErr) {
		h.differ("the answers differ:\n  real:      %s: %v\n  simulated: %s: %v", answer(realErr), realErr, answer(simErr), simErr)
	}
	if realErr != nil || realObject == nil {
		return
	}
	h.simulated.note(simObject)
	h.real.note(realObject)
	if diff := differences(h.real.normal(realObject), h.simulated.normal(simObject)); diff != "" {
		h.differ("the objects in the answers differ:\n%s", diff)
	}
}

// settle waits until the garbage collector and its like have nothing left to do,
// and both servers hold the same.
func (h *history) settle() {
	if _, err := h.simulated.List(); err != nil {
		h.Fatal(err)
	}
	simulated := h.simulated.state(h)
	var diff string
	objectsAgree := func() bool {
		diff = differences(h.real.state(h), simulated)
		return diff == ""
	}
	if !pollUntil(h.Context(), settleTime, objectsAgree) {
		h.differ("what the servers hold differs:\n%s", diff)
	}
	h.simulated.noteAll(h)
	h.real.noteAll(h)
}

func (h *history) differ(format string, args ...any) {
	h.Helper()
	h.Fatalf("history %d (%s=%d-%d plays it):\n%s\n%s", h.seed, fidelitySeeds, h.seed, h.seed,
		strings.Join(h.story, "\n"), fmt.Sprintf(format, args...))
}

// differences lists the fields that are not the same on both servers.
func differences(real, simulated map[string]any) string {
	var lines []string
	for path := range union(real, simulated) {
		is, simulates := real[path], simulated[path]
		if !reflect.DeepEqual(is, simulates) {
			lines = append(lines, fmt.Sprintf("  %s: real %v, simulated %v", path, is, simulates))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// answer is what a client can tell errors apart by.
func answer(err error) string {
	if err == nil {
		return "done"
	}
	code := int32(0)
	if status, ok := err.(apierrors.APIStatus); ok {
		code = status.Status().Code
	}
	words := fmt.Sprintf("%d %s", code, apierrors.ReasonForError(err))
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		words += ", the namespace is terminating"
	}
	return words
}

// operation is a request, as both servers get it.
type operation struct {
	text string
	// needsQuiet is for what depends on how far the garbage collector is.
	needsQuiet bool
	do         func(s *side) (client.Object, error)
}
