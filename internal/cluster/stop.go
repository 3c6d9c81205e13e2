package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/logs"
	"ordinal.dev/ordinal/internal/cluster/node"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
)

// askPatience is how long the API server may take to say which pods there are.
const askPatience = 10 * time.Second

// Stop ends the pods, and then every part in order. What it leaves on the machine Teardown
// removes.
func (c *Cluster) Stop() {
	c.journal.set(func(s *instance.State) { s.Phase, s.Progress = instance.Stopping, nil })
	if !c.cfg.Simulated() {
		c.stopPods()
	}
	c.stop(func(s *instance.State) { s.Phase = instance.Stopped })
}

// Fail ends every part after one has failed, and containers go on; what is read of the
// cluster then says why.
func (c *Cluster) Fail(err error) {
	log := c.logOf(err)
	// Read now: stopping says a lot, and none of it is the reason.
	last := logs.LastLines(log, linesOfReason)
	c.stop(func(s *instance.State) {
		s.Phase, s.Error, s.Log, s.LogTail = instance.Failed, err.Error(), log, last
	})
}

func (c *Cluster) stop(last func(*instance.State)) {
	c.sayLate(c.parts.Stop(stopPatience))
	c.journal.set(last)
	c.release()
}

func (c *Cluster) sayLate(parts []string) {
	if len(parts) > 0 {
		c.log.Info("some parts did not end in time", "parts", parts)
	}
}

// stopPods ends what could start a container, and then the pods. Their hooks, and programs
// that take leave of their peers, ask the API server, names and Services: those are there
// until the last pod has stopped.
func (c *Cluster) stopPods() {
	c.sayLate(c.parts.End(stopPatience, c.work...))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.sayFailure(ctx)
	known, err := c.pods(ctx)
	if err != nil {
		c.log.Error(err, "pods stop without an API server")
	}
	if err := node.StopPods(ctx, c.layout, known, c.journal.say); err != nil {
		c.log.Error(err, "some pods have not stopped as they should")
		c.journal.say(fmt.Sprintf("some pods have not stopped as they should: %v", err))
	}
}

// sayFailure says which of the parts that pods ask has failed before they have stopped.
func (c *Cluster) sayFailure(ctx context.Context) {
	select {
	case err := <-c.parts.Failed():
		c.journal.say(fmt.Sprintf("pods stop without it, since it failed: %v", err))
	case <-ctx.Done():
	}
}

// pods are the node's, as the API has them.
func (c *Cluster) pods(ctx context.Context) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	config, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name})
	if err != nil {
		return nil, err
	}
	return append([]corev1.Pod{}, list.Items...), nil // not nil, which would be no answer
}

// logOf is the file that says more about a failure.
func (c *Cluster) logOf(err error) string {
	var failed *supervisor.Error
	if errors.As(err, &failed) && (failed.Part == "containerd" || failed.Part == "etcd") {
		return c.layout.Log(failed.Part)
	}
	return c.layout.Log("ordinal")
}
