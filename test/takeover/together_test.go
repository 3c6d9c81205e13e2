package takeover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"ordinal.dev/ordinal/internal/controller"
	"ordinal.dev/ordinal/test/arena"
	"ordinal.dev/ordinal/test/world"
)

// TestTwoControllersAtOnce has Ordinal's controller started while the in-tree one is
// still running: it notices, says so, leaves the sets to the other one, and goes on when
// that has ended.
func TestTwoControllersAtOnce(t *testing.T) {
	s := newStage(t)
	w := s.namespace("db")
	set, err := setOf("metadata: {name: web}\nspec: {replicas: 2, serviceName: peers, selector: {matchLabels: {app: web}}, " +
		"template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: app}]}}}")
	if err != nil {
		t.Fatal(err)
	}
	web := []*sample{{set: set}}

	stopInTree := s.inTree()
	s.perform(w, web)
	s.quiet()
	ours := s.observedOrdinal()
	s.seenByOrdinal(w, web)
	ours.mustBeReady() // what the other one did before is no evidence

	s.change(w, web, []byte(`{"spec":{"replicas":3}}`))
	w.Eventually(func() error { return told(w, "SecondController") })
	s.quiet()
	ours.mustSayWho()

	s.change(w, web, []byte(`{"spec":{"replicas":4}}`))
	s.change(w, web, []byte(lastChange))
	s.onlyInTreeWrote()
	ours.mustSayWho()

	stopInTree()
	ours.untilReady()
	s.change(w, web, []byte(`{"spec":{"replicas":5}}`))
	if said := ours.logged("acting in a namespace again"); said != 1 {
		t.Errorf("it said %d times that it goes on", said)
	}
	ours.stop()
}

// told objects unless there is an event of that reason that names the in-tree controller.
func told(w *world.World, reason string) error {
	for _, e := range w.Events() {
		if e.Reason == reason && e.InvolvedObject.Name == "web" && strings.HasPrefix(e.Message, inTreeName+" also acts") {
			return nil
		}
	}
	return errors.New("there is no event " + reason + " that names " + inTreeName)
}

// onlyInTreeWrote fails if Ordinal's controller has written anything since the last look,
// or the in-tree controller has not.
func (s *stage) onlyInTreeWrote() {
	s.Helper()
	writes := map[string]int{}
	for _, w := range s.quiet() {
		if writes[w.User]++; w.User == arena.Ordinal {
			s.Errorf("beside the other controller, Ordinal did this: %s", w)
		}
	}
	if writes[arena.InTree] == 0 {
		s.Error("there is no record of the in-tree controller, which has carried the changes out")
	}
}

// observed is Ordinal's controller with its ports and its log.
type observed struct {
	*stage
	stop            func()
	health, metrics string

	mu  sync.Mutex
	log []string
}

func (s *stage) observedOrdinal() *observed {
	s.Helper()
	o := &observed{stage: s, health: s.freeAddress(), metrics: s.freeAddress()}
	options := controller.DefaultOptions()
	options.HealthAddr, options.MetricsAddr = o.health, o.metrics
	options.Logger = funcr.New(func(_, args string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.log = append(o.log, args)
	}, funcr.Options{})
	o.stop = s.ordinalWith(options)
	return o
}

// freeAddress is one of the loopback that nobody listens on.
func (s *stage) freeAddress() string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// logged counts the lines with a text.
func (o *observed) logged(text string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, line := range o.log {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (o *observed) mustBeReady() {
	o.Helper()
	if err := o.ready(); err != nil {
		o.Error(err)
	}
}

// mustSayWho expects readiness, metrics and log to name the in-tree controller, the log
// once.
func (o *observed) mustSayWho() {
	o.Helper()
	const who = inTreeName + " also acts on StatefulSets in namespace db"
	if err := o.ready(); err == nil || !strings.Contains(err.Error(), who) {
		o.Errorf("it should say that it is not ready since %s, and says: %v", who, err)
	}
	if _, metrics, err := get(o.Context(), o.metrics, "/metrics"); err != nil || !strings.Contains(metrics, `ordinal_namespace_held{namespace="db"} 1`) {
		o.Errorf("the metrics do not show that the namespace is held (%v)", err)
	}
	if said := o.logged(who); said != 1 {
		o.Errorf("it logged %d times, and not once, that %s", said, who)
	}
}

// untilReady waits until the controller has waited for long enough.
func (o *observed) untilReady() {
	o.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Minute)
	for o.ready() != nil {
		select {
		case <-tick.C:
		case <-deadline:
			o.Fatalf("the other controller has ended, and still: %v", o.ready())
		}
	}
}

// ready asks for readiness, and if there is none, for why.
func (o *observed) ready() error {
	code, _, err := get(o.Context(), o.health, "/readyz")
	if err != nil || code == http.StatusOK {
		return err
	}
	_, why, err := get(o.Context(), o.health, "/readyz/alone")
	return errors.Join(fmt.Errorf("not ready: %s", why), err)
}

func get(ctx context.Context, addr, path string) (code int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}
