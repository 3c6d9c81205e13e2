package apiclient

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/kinds"
)

// answering is a metadata-only client of a server that gives one answer, and the requests
// that were made of it.
func answering(t *testing.T, code int, answer runtime.Object) (*metadataOnly, *[]string) {
	t.Helper()
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests = append(requests, r.Method+" "+r.URL.Path)
		if !strings.HasPrefix(r.Header.Get("Accept"), onlyMetadata) || len(body) == 0 {
			t.Errorf("%s accepts %q and sends %d bytes", requests, r.Header.Get("Accept"), len(body))
		}
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		w.WriteHeader(code)
		if err := protobuf.NewSerializer(nil, nil).Encode(answer, w); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	scheme, err := kinds.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	config := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf}}
	clients, err := connect(config, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return &metadataOnly{fake.NewClientBuilder().WithScheme(scheme).Build(), clients}, &requests
}

func TestAWriteTakesOverTheVersionThatTheServerGives(t *testing.T) {
	c, requests := answering(t, http.StatusOK, &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"},
		ObjectMeta: metav1.ObjectMeta{Name: "web-0", UID: "u", ResourceVersion: "7"},
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0"}}
	set := controllertest.Web(3)
	for _, err := range []error{
		c.Create(t.Context(), pod), c.Status().Update(t.Context(), set),
		c.Delete(t.Context(), pod, client.Preconditions{UID: new(types.UID("u"))}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if pod.UID != "u" || pod.ResourceVersion != "7" || set.ResourceVersion != "7" {
		t.Errorf("pod %s at version %q, set at version %q", pod.UID, pod.ResourceVersion, set.ResourceVersion)
	}
	want := "POST /api/v1/namespaces/default/pods, PUT /apis/apps/v1/namespaces/default/statefulsets/web/status, DELETE /api/v1/namespaces/default/pods/web-0"
	if got := strings.Join(*requests, ", "); got != want {
		t.Errorf("requests\n%s\nwant\n%s", got, want)
	}
}

func TestARefusalIsRecognised(t *testing.T) {
	status := apierrors.NewConflict(corev1.Resource("pods"), "web-0", io.EOF).Status()
	status.APIVersion, status.Kind = "v1", "Status"
	c, _ := answering(t, http.StatusConflict, &status)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0"}}
	for verb, err := range map[string]error{
		"create": c.Create(t.Context(), pod), "delete": c.Delete(t.Context(), pod), "status": c.Status().Update(t.Context(), controllertest.Web(3)),
	} {
		if !apierrors.IsConflict(err) {
			t.Errorf("%s: %v, want a conflict", verb, err)
		}
	}
}
