package node

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
)

// The kubelet leaves these on every container for whoever must stop it without
// the API.
const (
	graceAnnotation   = "io.kubernetes.pod.terminationGracePeriod"
	preStopAnnotation = "io.kubernetes.container.preStopHandler"
	portsAnnotation   = "io.kubernetes.container.ports"
)

const (
	// defaultGrace is the API's own default for pods that do not say.
	defaultGrace = 30 * time.Second
	// leastGrace is what the kubelet too leaves a container whose hook has
	// used up its time.
	leastGrace = 2 * time.Second
)

// stopper is what stopping a container takes of CRI.
type stopper interface {
	ExecSync(ctx context.Context, container string, command []string, timeout time.Duration) (stdout, stderr []byte, err error)
	StopContainer(ctx context.Context, container string, timeout int64) error
}

// A containerStop stops a container of a pod.
type containerStop struct {
	container *runtimeapi.Container
	address   string    // the pod's
	until     time.Time // the end of the pod's grace period
	turn      func(context.Context, *runtimeapi.Container)
	report    func(string)
}

// do runs the container's preStop hook, awaits its turn and stops it, all within the pod's
// grace period, as the kubelet would. A hook that fails is told of, and keeps nothing from
// stopping.
func (s containerStop) do(ctx context.Context, cri stopper) error {
	least := min(grace(s.container), leastGrace)
	until := s.until
	if soonest := time.Now().Add(least); until.Before(soonest) {
		until = soonest
	}
	within, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := preStop(within, cri, s.container, s.address); err != nil {
		s.report(fmt.Sprintf("container %s: %s", s.container.GetMetadata().GetName(), strings.Join(strings.Fields(err.Error()), " ")))
	}
	s.turn(within, s.container)
	left := max(time.Until(until), least)
	return cri.StopContainer(ctx, s.container.Id, int64(left.Round(time.Second).Seconds()))
}

func preStop(ctx context.Context, cri stopper, c *runtimeapi.Container, address string) error {
	text := c.Annotations[preStopAnnotation]
	if text == "" {
		return nil
	}
	var h corev1.LifecycleHandler
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return fmt.Errorf("reading the preStop hook: %w", err)
	}
	deadline, _ := ctx.Deadline()
	switch {
	case h.Exec != nil:
		if _, _, err := cri.ExecSync(ctx, c.Id, h.Exec.Command, time.Until(deadline)); err != nil {
			return fmt.Errorf("running the preStop hook: %w", err)
		}
	case h.Sleep != nil:
		select {
		case <-time.After(time.Duration(h.Sleep.Seconds) * time.Second):
		case <-ctx.Done():
		}
	case h.HTTPGet != nil:
		return get(ctx, h.HTTPGet, c, address)
	}
	return nil
}

// caller is the kubelet's: whose certificate a container has, nobody knows. What is said
// to it concerns no proxy.
var caller = &http.Client{
	Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	CheckRedirect: httpprobe.RedirectChecker(false),
}

func get(ctx context.Context, action *corev1.HTTPGetAction, c *runtimeapi.Container, address string) error {
	var container corev1.Container
	if text := c.Annotations[portsAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &container.Ports); err != nil {
			return fmt.Errorf("reading the ports of the preStop hook: %w", err)
		}
	}
	request, err := httpprobe.NewRequestForHTTPGetAction(action, &container, address, "lifecycle")
	if err != nil {
		return fmt.Errorf("calling the preStop hook: %w", err)
	}
	response, err := caller.Do(request.WithContext(ctx))
	if err != nil && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") { // written for kubelets that ignored the scheme
		request.URL.Scheme = "http"
		request.Header.Del("Authorization")
		response, err = caller.Do(request.WithContext(ctx))
	}
	if err != nil {
		return fmt.Errorf("calling the preStop hook: %w", err)
	}
	return response.Body.Close()
}

func grace(c *runtimeapi.Container) time.Duration {
	if s, err := strconv.ParseInt(c.Annotations[graceAnnotation], 10, 64); err == nil {
		return time.Duration(s) * time.Second
	}
	return defaultGrace
}
