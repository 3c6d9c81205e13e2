package node

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"time"

	apiruntime "k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet"
)

// connect makes the kubelet's clients as upstream would, with a transport that asks again
// where the API server is behind, and that lets nothing through once ctx has ended.
func (k *Kubelet) connect(ctx context.Context, s *options.KubeletServer, deps *kubelet.Dependencies) error {
	config, err := clientcmd.BuildConfigFromFlags("", k.Kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType, config.AcceptContentTypes = apiruntime.ContentTypeProtobuf, apiruntime.ContentTypeProtobuf+","+apiruntime.ContentTypeJSON
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &patient{ctx: ctx, next: next} })
	client := func(qps float32, burst int, timeout time.Duration) *rest.Config {
		c := rest.CopyConfig(config)
		c.QPS, c.Burst, c.Timeout = qps, burst, timeout
		return c
	}
	if deps.KubeClient, err = kubernetes.NewForConfig(client(float32(s.KubeAPIQPS), int(s.KubeAPIBurst), 0)); err != nil {
		return err
	}
	if deps.EventClient, err = typedcorev1.NewForConfig(client(float32(s.EventRecordQPS), int(s.EventBurst), 0)); err != nil {
		return err
	}
	patience := min(s.NodeStatusUpdateFrequency.Duration, time.Duration(s.NodeLeaseDurationSeconds)*time.Second)
	heartbeat := client(-1, 0, patience)
	if deps.HeartbeatClient, err = kubernetes.NewForConfig(heartbeat); err != nil {
		return err
	}
	deps.OnHeartbeatFailure = func() { utilnet.CloseIdleConnectionsFor(heartbeat.Transport) }
	return nil
}

const (
	// behindFor is how long a refusal may be due to an API server that is behind: its
	// caches follow the store in milliseconds, on a busy machine in more.
	behindFor = 3 * time.Second
	// podBehindFor is the same of a pod, which is also refused once it is gone. Whoever
	// writes the status of all pods waits for it.
	podBehindFor = time.Second
	// askAgainAfter is the first pause; each is twice the one before, to the longest.
	askAgainAfter   = 5 * time.Millisecond
	askAgainLongest = 200 * time.Millisecond
)

// patient is a transport that asks again when what a node may read depends on a pod that
// the API server's authorizer and admission have not seen on that node yet. They read
// caches of their own, and the kubelet's watch may be ahead of them: a claim, a Secret or
// a token that is refused then costs the pod a quarter of a minute, since that is when
// the kubelet tries again.
type patient struct {
	ctx  context.Context // of the kubelet
	next http.RoundTripper
}

var errKubeletEnded = errors.New("the kubelet has ended")

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	pause := askAgainAfter
	for began := time.Now(); ; pause = min(2*pause, askAgainLongest) {
		if p.ctx.Err() != nil {
			return nil, errKubeletEnded
		}
		response, err := p.next.RoundTrip(r)
		if err != nil || time.Since(began) >= mayBeBehind(r, response.StatusCode) {
			if pause != askAgainAfter {
				klog.FromContext(p.ctx).Info("Asked again for what the API server refused", "path", r.URL.Path, "for", time.Since(began))
			}
			return response, err
		}
		again, err := repeat(r)
		if err != nil {
			return response, nil
		}
		select {
		case <-r.Context().Done():
			return response, nil
		case <-time.After(pause):
		}
		_, _ = io.Copy(io.Discard, response.Body) // so that the connection can be used again
		_ = response.Body.Close()
		r = again
	}
}

// WrappedRoundTripper lets client-go reach the connections.
func (p *patient) WrappedRoundTripper() http.RoundTripper { return p.next }

// mayBeBehind is for how long such an answer may become another. Reads are refused by the
// node authorizer. A token is requested for a pod, which admission may not know, or know
// as one of the same name that was there before.
func mayBeBehind(r *http.Request, status int) time.Duration {
	refused := status == http.StatusForbidden
	switch {
	case r.Method == http.MethodGet && refused && path.Base(path.Dir(r.URL.Path)) == "pods":
		return podBehindFor
	case r.Method == http.MethodGet && refused:
		return behindFor
	case r.Method == http.MethodPost && path.Base(r.URL.Path) == "token" &&
		(refused || status == http.StatusNotFound || status == http.StatusConflict):
		return behindFor
	}
	return 0
}

// repeat is the request once more. Its body, if any, was read.
func repeat(r *http.Request) (*http.Request, error) {
	again := r.Clone(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return again, nil
	}
	if r.GetBody == nil {
		return nil, errors.New("the body cannot be read again")
	}
	body, err := r.GetBody()
	again.Body = body
	return again, err
}
