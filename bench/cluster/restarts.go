package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/bench/internal/machine"
)

const (
	// restartPatience is how long a restart may take. A kubelet that could not set a pod up
	// tries again a quarter of a minute later.
	restartPatience = 2 * time.Minute
	// tellEvery is how many restarts there are to a line of progress.
	tellEvery = 100
)

// benchRestarts restarts pods that have a claim each, n times in all and a few at a time,
// and prints how long they took. Their manifest must have a readiness probe: a program
// that has only just started may not heed SIGTERM yet, and would use up its grace period.
func (c cluster) benchRestarts(ctx context.Context, n, atATime int, image string) error {
	if err := c.first(ctx, image); err != nil {
		return err
	}
	if err := c.up(ctx); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	name, err := c.createParallel(ctx, client, atATime)
	if err != nil {
		return err
	}
	took, err := restartAll(ctx, client, name, n, atATime)
	if err != nil {
		return err
	}
	events, err := client.CoreV1().Events(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedMount"})
	if err != nil {
		return err
	}
	printRestarts(os.Stdout, took, atATime, events.Items)
	return c.down(ctx)
}

// createParallel creates the manifest's set with as many pods, none of which waits for
// another, and returns its name when they are Ready.
func (c cluster) createParallel(ctx context.Context, client kubernetes.Interface, pods int) (name string, err error) {
	manifest, err := os.ReadFile(c.manifest)
	if err != nil {
		return "", err
	}
	var s appsv1.StatefulSet
	if err := yaml.UnmarshalStrict(manifest, &s); err != nil {
		return "", fmt.Errorf("reading %s: %w", c.manifest, err)
	}
	s.Spec.PodManagementPolicy, s.Spec.Replicas = appsv1.ParallelPodManagement, new(int32(pods))
	if _, err := client.AppsV1().StatefulSets(metav1.NamespaceDefault).Create(ctx, &s, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	return s.Name, awaitPods(ctx, client, func(ready map[string]types.UID) bool { return len(ready) == pods })
}

// restartAll restarts the set's pods n times in all, each again as soon as it is Ready, and
// returns how long every restart took.
func restartAll(ctx context.Context, client kubernetes.Interface, set string, n, pods int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lanes, ctx := errgroup.WithContext(ctx)
	ready := watchReady(ctx, client, set, pods)
	var begun, done atomic.Int64
	took := make([][]time.Duration, pods)
	for i, uids := range ready {
		lanes.Go(func() error {
			name := fmt.Sprintf("%s-%d", set, i)
			uid, err := awaitAnother(ctx, uids, "")
			for err == nil && begun.Add(1) <= int64(n) {
				began := time.Now()
				if err := client.CoreV1().Pods(metav1.NamespaceDefault).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
					return err
				}
				if uid, err = awaitAnother(ctx, uids, uid); err != nil {
					return fmt.Errorf("restarting pod %s: %w", name, err)
				}
				took[i] = append(took[i], time.Since(began))
				if d := done.Add(1); d%tellEvery == 0 {
					fmt.Printf("%d of %d restarts\n", d, n)
				}
			}
			return err
		})
	}
	err := lanes.Wait()
	return slices.Concat(took...), err
}

// watchReady yields, for the pod of each ordinal, the UID of what is Ready under its name.
func watchReady(ctx context.Context, client kubernetes.Interface, set string, pods int) []chan types.UID {
	ready := make([]chan types.UID, pods)
	byName := map[string]chan types.UID{}
	for i := range ready {
		ready[i] = make(chan types.UID)
		byName[fmt.Sprintf("%s-%d", set, i)] = ready[i]
	}
	tell := func(object any) {
		pod := object.(*corev1.Pod)
		uids := byName[pod.Name]
		if uids == nil || pod.DeletionTimestamp != nil || !isReady(pod) {
			return
		}
		go func() {
			select {
			case uids <- pod.UID:
			case <-ctx.Done():
			}
		}()
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(metav1.NamespaceDefault))
	_, _ = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{ // fails once stopped
		AddFunc: tell, UpdateFunc: func(_, object any) { tell(object) },
	})
	factory.Start(ctx.Done())
	return ready
}

// awaitAnother returns the next UID that is not old.
func awaitAnother(ctx context.Context, uids <-chan types.UID, old types.UID) (types.UID, error) {
	ctx, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	for {
		select {
		case uid := <-uids:
			if uid != old {
				return uid, nil
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// printRestarts prints the distribution of the restarts, and the volumes that could not be
// set up at the first try, since those make the longest.
func printRestarts(out io.Writer, took []time.Duration, atATime int, failed []corev1.Event) {
	slices.Sort(took)
	fmt.Fprintf(out, "\n%s\n\n%d restarts, %d at a time\n\n", machine.Describe(), len(took), atATime)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "p50\tp90\tp99\tp99.9\tlongest\tlonger than 5 s\tFailedMount")
	longer := 0
	for _, t := range took {
		if t > 5*time.Second {
			longer++
		}
	}
	mounts := 0
	for _, e := range failed {
		mounts += max(int(e.Count), 1)
	}
	fmt.Fprintf(w, "%.2f s\t%.2f s\t%.2f s\t%.2f s\t%.2f s\t%d\t%d\n", percentile(took, 0.5), percentile(took, 0.9),
		percentile(took, 0.99), percentile(took, 0.999), percentile(took, 1), longer, mounts)
	w.Flush()
	seen := map[string]bool{}
	for _, e := range failed {
		if message := strings.TrimSpace(e.Message); !seen[message] {
			seen[message] = true
			fmt.Fprintf(out, "  %s\n", message)
		}
	}
}

// percentile is the smallest of the sorted durations that at least this part of them does
// not exceed, in seconds.
func percentile(sorted []time.Duration, part float64) float64 {
	i := int(float64(len(sorted))*part+0.9999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)].Seconds()
}
