package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/test/rig"
)

// smallDisk is a file system of its own for a data directory: what a cluster
// needs, and a little.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := rig.Dir(t)
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1g"))
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes what is left of the disk of dir.
func fill(dir string) (free func() error, err error) {
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var size int64
	for chunk := int64(64 << 20); chunk >= 4<<10; {
		if err := unix.Fallocate(int(file.Fd()), 0, size, chunk); err == nil {
			size += chunk
		} else if errors.Is(err, unix.ENOSPC) {
			chunk /= 2
		} else {
			return nil, err
		}
	}
	return func() error { return os.Remove(path) }, nil
}

func TestAFullDiskIsNamedAndTheClusterComesBackWhenThereIsRoom(t *testing.T) {
	p := newPatient(t, smallDisk(t))
	before := p.status()
	p.StopWatching()
	free, err := fill(p.cluster.Dir)
	p.Must(err)
	acked := p.writeUntilItEnds()
	t.Logf("the store ended after %d writes on a full disk", len(acked))

	const sentence = "the disk of %s is full or nearly so"
	p.Must(eventually(p.says("is waiting", fmt.Sprintf(sentence, p.cluster.Dir), "starts by itself")))
	if said, err := p.cluster.Try("up", "--kubeconfig", ""); err == nil || !strings.Contains(said, fmt.Sprintf(sentence, p.cluster.Dir)) {
		t.Errorf("on a full disk `ordinal up` says (%v):\n%s", err, said)
	}

	p.Must(free())
	p.Must(eventually(func() error { return cameBack(p.cluster, before) }))
	p = p.again()
	p.Eventually(p.Ready(theSet, 2))
	for name, version := range acked {
		page, err := p.Client.CoreV1().ConfigMaps(p.Namespace).Get(p.Context(), name, metav1.GetOptions{})
		p.Must(err)
		if page.ResourceVersion != version {
			t.Errorf("%s was acknowledged at %s, and is at %s", name, version, page.ResourceVersion)
		}
	}
}

// writeUntilItEnds writes large objects until the API server does not answer, and
// returns those that were acknowledged, with their resourceVersions.
func (p patient) writeUntilItEnds() map[string]string {
	p.Helper()
	client, err := p.cluster.Client(answerWithin)
	p.Must(err)
	acked, page := map[string]string{}, strings.Repeat("x", 256<<10)
	for n := range 2000 { // far more than the disk
		name := fmt.Sprintf("page-%d", n)
		written, err := client.CoreV1().ConfigMaps(p.Namespace).Create(context.Background(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"page": page},
		}, metav1.CreateOptions{})
		if err == nil {
			acked[name] = written.ResourceVersion
		} else if status, err := p.cluster.Status(); err != nil || status.Phase != "running" {
			return acked
		}
	}
	p.Fatal("the disk was full, and the store went on")
	return nil
}
