package dns

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// fakeAPI serves list and watch of namespaces, Services and EndpointSlices
// over HTTP, as the kubernetes plugin makes its client itself.
type fakeAPI struct {
	mu       sync.Mutex
	version  int
	objects  map[string]map[string]metav1.Object // by path and name
	watchers map[string]map[chan event]bool      // by path
}

type event struct {
	Type   string `json:"type"`
	Object any    `json:"object"`
}

// kinds by the path they are served at.
var kinds = map[string]metav1.TypeMeta{
	"/api/v1/namespaces":                       {APIVersion: "v1", Kind: "Namespace"},
	"/api/v1/services":                         {APIVersion: "v1", Kind: "Service"},
	"/apis/discovery.k8s.io/v1/endpointslices": {APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
}

// startAPI serves an API with namespace default until the test ends.
func startAPI(t *testing.T) (*fakeAPI, *rest.Config) {
	t.Helper()
	a := &fakeAPI{objects: map[string]map[string]metav1.Object{}, watchers: map[string]map[chan event]bool{}}
	for path := range kinds {
		a.objects[path] = map[string]metav1.Object{}
		a.watchers[path] = map[chan event]bool{}
	}
	a.put(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}})
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return a, &rest.Config{Host: server.URL}
}

// put creates or replaces an object.
func (a *fakeAPI) put(o metav1.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := pathOf(o)
	a.version++
	o.SetResourceVersion(strconv.Itoa(a.version))
	change := "ADDED"
	if a.objects[path][o.GetName()] != nil {
		change = "MODIFIED"
	}
	a.objects[path][o.GetName()] = o
	a.send(path, event{change, o})
}

// remove deletes an object.
func (a *fakeAPI) remove(o metav1.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	o.SetResourceVersion(strconv.Itoa(a.version))
	delete(a.objects[pathOf(o)], o.GetName())
	a.send(pathOf(o), event{"DELETED", o})
}

func (a *fakeAPI) send(path string, e event) {
	for w := range a.watchers[path] {
		w <- e
	}
}

// pathOf also sets the object's type, which watch events must carry.
func pathOf(o metav1.Object) string {
	switch o := o.(type) {
	case *corev1.Namespace:
		o.TypeMeta = kinds["/api/v1/namespaces"]
		return "/api/v1/namespaces"
	case *corev1.Service:
		o.TypeMeta = kinds["/api/v1/services"]
		return "/api/v1/services"
	default:
		o.(*discoveryv1.EndpointSlice).TypeMeta = kinds["/apis/discovery.k8s.io/v1/endpointslices"]
		return "/apis/discovery.k8s.io/v1/endpointslices"
	}
}

// ServeHTTP implements http.Handler.
func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, known := kinds[r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.FormValue("watch") == "" {
		a.mu.Lock()
		defer a.mu.Unlock()
		items := []any{}
		for _, o := range a.objects[r.URL.Path] {
			items = append(items, o)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": kind.APIVersion, "kind": kind.Kind + "List",
			"metadata": map[string]any{"resourceVersion": strconv.Itoa(a.version)},
			"items":    items,
		})
		return
	}
	a.watch(w, r, kind)
}

func (a *fakeAPI) watch(w http.ResponseWriter, r *http.Request, kind metav1.TypeMeta) {
	events := make(chan event, 100)
	a.mu.Lock()
	if r.FormValue("sendInitialEvents") == "true" {
		for _, o := range a.objects[r.URL.Path] {
			events <- event{"ADDED", o}
		}
		events <- event{"BOOKMARK", map[string]any{
			"apiVersion": kind.APIVersion, "kind": kind.Kind,
			"metadata": map[string]any{
				"resourceVersion": strconv.Itoa(a.version),
				"annotations":     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
			},
		}}
	}
	a.watchers[r.URL.Path][events] = true
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.watchers[r.URL.Path], events)
	}()
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case e := <-events:
			_ = json.NewEncoder(w).Encode(e)
		}
	}
}

// headless is a governing Service named db with port http.
func headless() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: corev1.ClusterIPNone, ClusterIPs: []string{corev1.ClusterIPNone},
			Ports: []corev1.ServicePort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80}},
		},
	}
}

// endpoint is a pod by hostname and address, ready as the Service sees it.
func endpoint(hostname, address string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{address}, Hostname: ptr.To(hostname),
		Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true)},
	}
}

// slice is the endpoints of the Service named db.
func slice(endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "db-1",
			Labels: map[string]string{discoveryv1.LabelServiceName: "db"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   endpoints,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To(int32(8080))}},
	}
}
