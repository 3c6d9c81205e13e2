package hooks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// Caller runs one hook at a time, in or against the pod that the call names.
type Caller struct {
	config *rest.Config
	live   client.Reader
	core   rest.Interface
	http   *http.Client
}

// NewCaller makes a caller of an access to the API server. Its reader reads from the API
// server and never from a cache.
func NewCaller(config *rest.Config, live client.Reader) (*Caller, error) {
	config = rest.CopyConfig(config)
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	core, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server for hooks: %w", err)
	}
	return &Caller{config: config, live: live, core: core, http: plainClient()}, nil
}

// plainClient goes where it is sent and nowhere else: by no proxy, and to no other address.
// Pods have no certificate for their address, so none is verified.
func plainClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Call runs a hook and says how it ended.
func (c *Caller) Call(ctx context.Context, call plan.HookCall) Answer {
	pod := &corev1.Pod{}
	if err := c.live.Get(ctx, client.ObjectKeyFromObject(call.Pod), pod); err != nil {
		return failed(ctx, call, err)
	}
	if pod.UID != call.Pod.UID {
		return Answer{Output: "the pod is another by now"}
	}
	out := &clipped{}
	var err error
	switch {
	case call.Exec != nil:
		err = c.exec(ctx, pod, call.Exec, out)
	case call.HTTPGet != nil:
		err = c.request(ctx, pod, http.MethodGet, call.HTTPGet, out)
	case call.HTTPPost != nil:
		err = c.request(ctx, pod, http.MethodPost, call.HTTPPost, out)
	default:
		err = c.request(ctx, pod, http.MethodDelete, call.HTTPDelete, out)
	}
	if call.TakesTime() && isNotYet(err) {
		return Answer{NotYet: true, Output: out.lastLine()}
	}
	if errors.Is(err, errAccepted) {
		err = nil
	}
	if err != nil {
		a := failed(ctx, call, err)
		if last := out.lastLine(); last != "" && ctx.Err() == nil && !a.Denied {
			a.Output = last
		}
		return a
	}
	if call.Name == plan.RoleHook {
		return Answer{OK: true, Output: out.firstWord()}
	}
	return Answer{OK: true, Output: out.lastLine()}
}

// notYet is the exit code of a command that is to be run again: EX_TEMPFAIL of sysexits.h.
const notYet = 75

// errAccepted is that a request was answered by status 202.
var errAccepted = errors.New("202 Accepted")

func isNotYet(err error) bool {
	var code exec.CodeExitError
	return errors.Is(err, errAccepted) || errors.As(err, &code) && code.Code == notYet
}

func failed(ctx context.Context, call plan.HookCall, err error) Answer {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Answer{Output: fmt.Sprintf("it took longer than %s", call.Timeout)}
	}
	return Answer{Output: err.Error(), Denied: apierrors.IsForbidden(err)}
}

// exec runs a command in a container of the pod. client-go panics where something between it
// and the API server answers a request for a WebSocket itself; a hook has failed then, and no
// more.
func (c *Caller) exec(ctx context.Context, pod *corev1.Pod, e *v1alpha1.ExecAction, out io.Writer) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("the connection to the API server was not made: %v", caught)
		}
	}()
	query := url.Values{"container": {e.Container}, "command": e.Command, "stdout": {"true"}, "stderr": {"true"}}
	request := c.core.Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("exec")
	for key, values := range query {
		for _, value := range values {
			request = request.Param(key, value)
		}
	}
	sockets, err := remotecommand.NewWebSocketExecutor(c.config, http.MethodGet, request.URL().String())
	if err != nil {
		return err
	}
	streams, err := remotecommand.NewSPDYExecutor(c.config, http.MethodPost, request.URL()) // for API servers of before 1.31
	if err != nil {
		return err
	}
	either, err := remotecommand.NewFallbackExecutor(sockets, streams, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return err
	}
	return either.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out, Stderr: out})
}

// request makes a request to the pod.
func (c *Caller) request(ctx context.Context, pod *corev1.Pod, method string, a *v1alpha1.HTTPAction, out io.Writer) error {
	if pod.Status.PodIP == "" {
		return errors.New("the pod has no address")
	}
	scheme := "http"
	if a.Scheme == "HTTPS" {
		scheme = "https"
	}
	target, err := url.Parse(scheme + "://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(a.Port))) + a.Path)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(out, io.LimitReader(answer.Body, mostOutput)); err != nil {
		return err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return errors.New(answer.Status)
	}
	if answer.StatusCode == http.StatusAccepted {
		return errAccepted
	}
	return nil
}
