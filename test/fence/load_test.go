package fence

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// autoscalesByLoad has pods be busy, and then idle.
func (o *owner) autoscalesByLoad() {
	o.runs("busy", 2, nil)
	load := o.metrics("busy")
	load.Store(900)
	target := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: new(resource.MustParse("500m"))}
	o.autoscaler("busy", 2, 4, autoscalingv2.MetricSpec{
		Type:     autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: target},
	})
	o.kubectl(`patch hpa busy -p {"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}}}`)
	o.completes("busy", 4)
	load.Store(100)
	o.completes("busy", 2)
	o.kubectl("delete hpa busy")
}

// metricsGroup is what a metrics server serves.
const metricsGroup = "metrics.k8s.io"

// metrics serves the use of CPU of a set's pods, in thousandths of a core, in a metrics
// server's place: simulated nodes have nothing to measure.
func (o *owner) metrics(set string) *atomic.Int64 {
	o.Helper()
	load := &atomic.Int64{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any = &metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: metricsGroup + "/v1beta1",
			APIResources: []metav1.APIResource{{Name: "pods", Namespaced: true, Kind: "PodMetrics", Verbs: []string{"list"}}},
		}
		if r.URL.Path != "/apis/"+metricsGroup+"/v1beta1" {
			answer = o.usage(set, load.Load())
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			o.Error(err)
		}
	}))
	o.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	o.must(err)
	o.aggregates(host, port)
	return load
}

// usage is what a metrics server says of a set's pods.
func (o *owner) usage(set string, load int64) any {
	type object = map[string]any
	items := []any{}
	for _, pod := range o.pods(set) {
		items = append(items, object{
			"metadata":  object{"name": pod.Name, "namespace": pod.Namespace},
			"timestamp": time.Now().Format(time.RFC3339), "window": "1s",
			"containers": []any{object{"name": "app", "usage": object{"cpu": fmt.Sprintf("%dm", load)}}},
		})
	}
	return object{"kind": "PodMetricsList", "apiVersion": metricsGroup + "/v1beta1", "items": items}
}

// aggregates has the API server pass on to a server what is asked of the metrics group.
func (o *owner) aggregates(host, port string) {
	o.Helper()
	number, err := strconv.ParseInt(port, 10, 32)
	o.must(err)
	_, err = o.admin.CoreV1().Services(o.namespace).Create(o.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: host},
	}, metav1.CreateOptions{})
	o.must(err)
	rest, name := o.admin.Discovery().RESTClient(), "v1beta1."+metricsGroup
	const services = "/apis/apiregistration.k8s.io/v1/apiservices"
	o.must(rest.Post().AbsPath(services).Body(fmt.Appendf(nil, `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":%q},
		"spec":{"group":%q,"version":"v1beta1","insecureSkipTLSVerify":true,"groupPriorityMinimum":100,"versionPriority":100,
		"service":{"name":"metrics","namespace":%q,"port":%d}}}`, name, metricsGroup, o.namespace, number)).Do(o.Context()).Error())
	o.Cleanup(func() {
		if _, err := o.cluster.Kubectl(context.Background(), "delete", "apiservice", name); err != nil {
			o.Error(err)
		}
	})
}
