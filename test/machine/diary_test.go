package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// A diary writes ConfigMaps, one after the other, and remembers the
// resourceVersion under which each was acknowledged.
type diary struct {
	acked map[string]string // resourceVersion, by name
	next  int
}

// write goes on until it is told to stop or an answer is lost.
func (d *diary) write(stop <-chan struct{}, client kubernetes.Interface, namespace string) {
	ctx := context.Background()
	for pause(stop, 5*time.Millisecond) {
		d.next++
		page := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("page-%d", d.next), Labels: map[string]string{"diary": ""}},
			Data:       map[string]string{"page": strconv.Itoa(d.next)},
		}
		written, err := client.CoreV1().ConfigMaps(namespace).Create(ctx, page, metav1.CreateOptions{})
		if err != nil {
			return
		}
		d.acked[written.Name] = written.ResourceVersion
	}
}

// read objects to every page that is not as it was acknowledged, and begins a
// new diary. It returns how many pages there were.
func (d *diary) read(ctx context.Context, client kubernetes.Interface, namespace string) (int, error) {
	pages := client.CoreV1().ConfigMaps(namespace)
	list, err := pages.List(ctx, metav1.ListOptions{LabelSelector: "diary"})
	if err != nil {
		return 0, err
	}
	found := map[string]corev1.ConfigMap{}
	for _, page := range list.Items {
		found[page.Name] = page
	}
	var lost []error
	for name, version := range d.acked {
		page, ok := found[name]
		switch {
		case !ok:
			lost = append(lost, fmt.Errorf("%s was acknowledged at %s, and is not there", name, version))
		case page.ResourceVersion != version || "page-"+page.Data["page"] != name:
			lost = append(lost, fmt.Errorf("%s was acknowledged at %s, and is at %s with %v", name, version, page.ResourceVersion, page.Data))
		}
	}
	n := len(d.acked)
	d.acked = map[string]string{}
	err = pages.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "diary"})
	return n, errors.Join(errors.Join(lost...), err)
}

// counts remembers how far each pod has said that it had counted: by then it
// was on disk.
type counts map[string]uint64

// post has every pod that is there count, until it is told to stop, and objects
// when one of them goes back.
func (c counts) post(stop <-chan struct{}, client kubernetes.Interface, namespace string) error {
	ctx := context.Background()
	for pause(stop, 50*time.Millisecond) {
		pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return nil // the cluster is gone, as it was to be
		}
		for _, pod := range pods.Items {
			if pod.Status.PodIP == "" || strings.HasPrefix(pod.Name, fleeting) {
				continue
			}
			if err := c.postTo(ctx, pod.Status.PodIP); err != nil {
				return err
			}
		}
	}
	return nil
}

// postTo says nothing of a pod that does not answer.
func (c counts) postTo(ctx context.Context, ip string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+ip+":8080/count", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var answer struct {
		Hostname string `json:"hostname"`
		Count    uint64 `json:"count"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil
	}
	if strings.HasPrefix(answer.Hostname, fleeting) { // it has taken over the address
		return nil
	}
	if before := c[answer.Hostname]; answer.Count <= before {
		return fmt.Errorf("%s had counted to %d, and has now to %d", answer.Hostname, before, answer.Count)
	}
	c[answer.Hostname] = answer.Count
	return nil
}

// onDisk objects to every volume that holds less than its pod had said.
func (c counts) onDisk(dataDir, namespace string) error {
	var lost []error
	for pod, count := range c {
		files, err := filepath.Glob(filepath.Join(dataDir, "volumes", namespace, "data-"+pod, "*", "count"))
		if err != nil {
			return err
		}
		if len(files) != 1 {
			lost = append(lost, fmt.Errorf("%s has counted to %d, and the files with its count are %q", pod, count, files))
			continue
		}
		content, err := os.ReadFile(files[0])
		if err != nil {
			return err
		}
		stored, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
		if err != nil || stored < count {
			lost = append(lost, fmt.Errorf("%s has counted to %d, and its volume holds %q", pod, count, content))
		}
	}
	return errors.Join(lost...)
}
