package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The set that examples/statefulset.yaml describes.
const (
	set      = "my-statefulset"
	replicas = 3
)

// lookEvery is how often the API server is asked whether it is ready; it is
// the error of that figure.
const lookEvery = 10 * time.Millisecond

// patience is how long an answer to that may take.
const patience = 250 * time.Millisecond

// A cluster is a data directory and the program that works on it.
type cluster struct{ binary, dir, manifest string }

func (c cluster) ordinal(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	// A build sets GOGC for the compiler, and what is measured must not have it.
	cmd.Env = append(os.Environ(), "ORDINAL_DATA_DIR="+c.dir, "GOGC=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ordinal %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (c cluster) up(ctx context.Context) error {
	_, err := c.ordinal(ctx, "up", "--kubeconfig", "")
	return err
}

func (c cluster) down(ctx context.Context) error {
	_, err := c.ordinal(ctx, "down")
	return err
}

// first starts a new cluster, gives it the image, and stops it.
func (c cluster) first(ctx context.Context, image string) error {
	if err := c.up(ctx); err != nil {
		return err
	}
	if _, err := c.ordinal(ctx, "load", image); err != nil {
		return err
	}
	return c.down(ctx)
}

func (c cluster) config() (*rest.Config, error) {
	return clientcmd.BuildConfigFromFlags("", filepath.Join(c.dir, "kubeconfig"))
}

func (c cluster) client() (kubernetes.Interface, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// apply runs the manifest and returns when its pods are Ready.
func (c cluster) apply(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if _, err := c.ordinal(ctx, "kubectl", "apply", "-f", c.manifest); err != nil {
		return err
	}
	return awaitPods(ctx, client, func(ready map[string]types.UID) bool { return len(ready) == replicas })
}

// replace deletes a pod and returns when another of its name is Ready.
func (c cluster) replace(ctx context.Context, name string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	pods := client.CoreV1().Pods(metav1.NamespaceDefault)
	old, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := pods.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return awaitPods(ctx, client, func(ready map[string]types.UID) bool {
		return ready[name] != "" && ready[name] != old.UID
	})
}

// clean deletes the set and its claims, so that the next run begins anew.
func (c cluster) clean(ctx context.Context) error {
	if _, err := c.ordinal(ctx, "kubectl", "delete", "sts/"+set, "--cascade=foreground"); err != nil {
		return err
	}
	_, err := c.ordinal(ctx, "kubectl", "delete", "persistentvolumeclaims", "--all")
	return err
}

// awaitPods watches until the pods that are Ready and not on their way out, by
// name, are as wanted.
func awaitPods(ctx context.Context, client kubernetes.Interface, wanted func(map[string]types.UID) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w, err := client.CoreV1().Pods(metav1.NamespaceDefault).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer w.Stop()
	ready := map[string]types.UID{}
	for event := range w.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			return fmt.Errorf("watching pods: %v", event.Object)
		}
		if event.Type != watch.Deleted && pod.DeletionTimestamp == nil && isReady(pod) {
			ready[pod.Name] = pod.UID
		} else {
			delete(ready, pod.Name)
		}
		if wanted(ready) {
			return nil
		}
	}
	return errors.Join(errors.New("the pods did not become Ready"), context.Cause(ctx))
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// awaitAPI asks until the API server says that it is ready.
func (c cluster) awaitAPI(ctx context.Context) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	config.QPS = -1 // it is asked often
	// Before the bridge exists, a connection to its address goes nowhere.
	config.Timeout = patience
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		// Until it is ready it refuses, or answers with an error.
		if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").MaxRetries(0).DoRaw(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
