package hooks

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/exec"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// answering is a caller for a pod at this machine's own address, and the port of what
// answers there.
func answering(t *testing.T, handler http.HandlerFunc, objects ...client.Object) (*Caller, int32) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(target.Port())
	if err != nil {
		t.Fatal(err)
	}
	if objects == nil {
		here := pod.DeepCopy()
		here.Status.PodIP = "127.0.0.1"
		objects = []client.Object{here}
	}
	c, err := NewCaller(&rest.Config{Host: "https://nowhere.invalid", BearerToken: "secret"}, fake.NewClientBuilder().WithObjects(objects...).Build())
	if err != nil {
		t.Fatal(err)
	}
	return c, int32(port)
}

func get(name string, port int32, path string) plan.HookCall {
	return plan.HookCall{Name: name, Pod: pod, HTTPGet: &v1alpha1.HTTPAction{Port: port, Path: path}, Timeout: time.Minute}
}

func TestAPageTellsARole(t *testing.T) {
	c, port := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.URL.String() != "/role?x=1" {
			t.Errorf("asked for %s with %v", r.URL, r.Header)
		}
		_, _ = w.Write([]byte("  primary since yesterday\nbye\n"))
	})
	if a := c.Call(t.Context(), get(plan.RoleHook, port, "/role?x=1")); !a.OK || a.Output != "primary" {
		t.Errorf("the role is %+v", a)
	}
	if a := c.Call(t.Context(), get("inSync", port, "/role?x=1")); !a.OK || a.Output != "bye" {
		t.Errorf("of another hook the last line is kept, not %+v", a)
	}
}

func TestANoIsSaidInTheApplicationsWords(t *testing.T) {
	c, port := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			t.Errorf("asked by %s", r.Method)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("starting\n14 MB behind\n"))
	})
	call := plan.HookCall{Name: "inSync", Pod: pod, HTTPPost: &v1alpha1.HTTPAction{Port: port, Path: "/"}, Timeout: time.Minute}
	if a := c.Call(t.Context(), call); a.OK || a.Output != "14 MB behind" {
		t.Errorf("the answer is %+v", a)
	}
}

// Status 202 is not yet where a pod leaves, and yes to any other question.
func TestNotYetIsAskedOfWhatTakesTime(t *testing.T) {
	c, port := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodDelete {
			t.Errorf("asked by %s", r.Method)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("14 shards left\n"))
	})
	call := plan.HookCall{Name: plan.LeaveHook, Pod: pod, HTTPDelete: &v1alpha1.HTTPAction{Port: port, Path: "/"}, Timeout: time.Minute}
	if a := c.Call(t.Context(), call); a.OK || !a.NotYet || a.Output != "14 shards left" {
		t.Errorf("the answer is %+v", a)
	}
	call.Name = plan.HandOverHook
	if a := c.Call(t.Context(), call); !a.OK || a.NotYet {
		t.Errorf("of a hand-over the answer is %+v", a)
	}
}

func TestACommandThatIsNotDoneYetSaysSoByItsExitCode(t *testing.T) {
	if !isNotYet(fmt.Errorf("run: %w", exec.CodeExitError{Err: errors.New("no"), Code: 75})) || isNotYet(exec.CodeExitError{Err: errors.New("no"), Code: 1}) || isNotYet(nil) {
		t.Error("exit code 75, and no other, is not yet")
	}
}

// A hook reaches the pod and nothing else, whatever the pod answers.
func TestNoRedirectIsFollowed(t *testing.T) {
	c, port := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("%s was asked for", r.URL)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	if a := c.Call(t.Context(), get("inSync", port, "/")); a.OK {
		t.Errorf("a redirect is a yes: %+v", a)
	}
}

func TestALongAnswerIsCut(t *testing.T) {
	c, port := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("first" + strings.Repeat(" x", 1<<20)))
	})
	if a := c.Call(t.Context(), get(plan.RoleHook, port, "/")); a.Output != "first" {
		t.Errorf("the role is %q", a.Output[:min(len(a.Output), 20)])
	}
	if a := c.Call(t.Context(), get("inSync", port, "/")); len(a.Output) > mostOutput {
		t.Errorf("%d bytes are kept", len(a.Output))
	}
}

func TestAnotherPodOfTheNameIsNotAsked(t *testing.T) {
	other := pod.DeepCopy()
	other.UID, other.Status = "uid-another", corev1.PodStatus{PodIP: "127.0.0.1"}
	c, port := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }, other)
	if a := c.Call(t.Context(), get("inSync", port, "/")); a.OK {
		t.Errorf("the answer is %+v", a)
	}
}

func TestTheEndOfAnOutputIsItsLastLine(t *testing.T) {
	out := &clipped{}
	for range 3000 {
		_, _ = out.Write([]byte("noise\n"))
	}
	_, _ = out.Write([]byte("the end\n\n"))
	if got := out.lastLine(); got != "the end" {
		t.Errorf("the last line is %q", got)
	}
}
