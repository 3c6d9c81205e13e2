package e2e

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/test/world"
)

// A scene is a test's namespace on the cluster under test, with kubectl.
type scene struct{ *world.World }

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{world.New(t, administrator(t))}
	// What one test ran must not slow down the next.
	t.Cleanup(func() { lab.Run(t, "kubectl", "delete", "namespace", s.Namespace, "--wait=false") })
	return s
}

// again is the same namespace, watched anew after the API server was away.
func (s *scene) again() *scene {
	s.Helper()
	return &scene{world.In(s.T, administrator(s.T), s.Namespace)}
}

func administrator(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := lab.Client(0)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// poll looks until check has nothing left to object to. Eventually looks when something
// happens to what the scene watches; this is for what happens elsewhere.
func (s *scene) poll(check func() error) {
	s.Helper()
	var objection error
	if err := wait.PollUntilContextTimeout(s.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		objection = check()
		return objection == nil, nil
	}); err != nil {
		s.Fatal(objection)
	}
}

// kubectl runs a command in the scene's namespace; it must succeed.
func (s *scene) kubectl(args ...string) string {
	s.Helper()
	return lab.Run(s.T, s.inNamespace(args)...)
}

func (s *scene) inNamespace(args []string) []string {
	return append([]string{"kubectl", "--namespace", s.Namespace}, args...)
}

// inPod runs the counter's program in a pod.
func (s *scene) inPod(pod string, args ...string) string {
	s.Helper()
	return s.kubectl(append([]string{"exec", pod, "--", "counter"}, args...)...)
}

// post adds one to the count of a pod; count reads it. Both return it.
func (s *scene) post(pod string) uint64  { s.Helper(); return s.ask("post", pod) }
func (s *scene) count(pod string) uint64 { s.Helper(); return s.ask("get", pod) }

func (s *scene) ask(method, pod string) uint64 {
	s.Helper()
	var answer struct {
		Hostname string `json:"hostname"`
		Count    uint64 `json:"count"`
	}
	s.Must(json.Unmarshal([]byte(s.inPod(pod, method, "http://localhost:8080/count")), &answer))
	if answer.Hostname != pod {
		s.Fatalf("%s says that it is %s", pod, answer.Hostname)
	}
	return answer.Count
}
