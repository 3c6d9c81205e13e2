package fence

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin"
	"ordinal.dev/ordinal/test/arena"
)

// TestThePlugin does with `kubectl ordinal` what a person does, from the first look at a
// cluster to the day on which everything is given back.
func TestThePlugin(t *testing.T) {
	s := newStage(t)
	s.inTree()
	s.namespace("shop")
	web, db := s.rollsOut("web"), s.rollsOut("db")

	s.says(0, "The fence can hold in this cluster", "preflight")
	s.ordinal()
	s.eventually(func() error { return s.prints(0, "No set is Ordinal's", "status", "-n", "shop") })
	s.says(0, "pods restarted     0", "take", "shop", "--dry-run")

	s.says(0, "sts/web in namespace shop: Ordinal acts", "take", "sts/web", "-n", "shop")
	s.says(0, "Ordinal's (Acting)", "status", "sts/web", "-n", "shop")
	s.says(0, "not Ordinal's", "status", "sts/db", "-n", "shop")
	s.restartedBy(arena.Fenced, web)
	s.restartedBy(arena.InTree, db)
	s.says(0, "given back", "give-back", "sts/web", "-n", "shop")
	s.restartedBy(arena.InTree, web)

	s.says(0, "namespace shop: Ordinal acts", "take", "shop")
	s.restartedBy(arena.Fenced, web)
	s.restartedBy(arena.Fenced, db)
	s.says(0, "namespace shop: given back", "give-back", "--all", "--yes")
	s.restartedBy(arena.InTree, web)
	s.restartedBy(arena.InTree, db)

	namespace, err := s.admin.CoreV1().Namespaces().Get(s.Context(), "shop", metav1.GetOptions{})
	s.must(err)
	if charge := fence.ChargeOf(namespace); charge.Fenced() || len(namespace.Annotations) > 0 {
		t.Errorf("the namespace still says %v, %v", namespace.Labels, namespace.Annotations)
	}
	bindings, err := s.admin.RbacV1().RoleBindings("shop").List(s.Context(), metav1.ListOptions{})
	s.must(err)
	if len(bindings.Items) > 0 {
		t.Errorf("Ordinal may still write there: %s", bindings.Items[0].Name)
	}
}

// rollsOut makes a set of two replicas, and waits until it is there.
func (s *stage) rollsOut(name string) *appsv1.StatefulSet {
	s.Helper()
	labels := map[string]string{"app": name}
	set, err := s.admin.AppsV1().StatefulSets("shop").Create(s.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/main"}}},
			},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.says(0, "2 of 2 available, 2 up to date", "watch", "sts/"+name, "-n", "shop", "--timeout", "1m")
	return set
}

// restartedBy restarts a set, and fails unless one of the controllers has made its pods
// anew, and had made no other since the last time.
func (s *stage) restartedBy(user string, set *appsv1.StatefulSet) {
	s.Helper()
	s.written()
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"restarted":%q}}}}}`, rand.Text())
	_, err := s.admin.AppsV1().StatefulSets(set.Namespace).Patch(s.Context(), set.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	s.must(err)
	s.says(0, "2 of 2 available, 2 up to date", "watch", "sts/"+set.Name, "-n", set.Namespace, "--timeout", "1m")
	pods := 0
	for _, w := range s.written() {
		if w.Stored() && w.Resource == "pods" && w.Verb == "create" {
			if pods++; w.User != user {
				s.Errorf("sts/%s is restarted by %s, and this was stored: %s", set.Name, user, w)
			}
		}
	}
	if pods != 2 {
		s.Errorf("sts/%s: %d pods were made, by the audit log", set.Name, pods)
	}
}

// says runs a command, and fails unless it ends and prints so.
func (s *stage) says(code int, words string, args ...string) {
	s.Helper()
	s.must(s.prints(code, words, args...))
}

func (s *stage) prints(code int, words string, args ...string) error {
	var out, errs bytes.Buffer
	kubeconfig := filepath.Join(filepath.Dir(s.cluster.Log("any")), "kubeconfig")
	got := plugin.Run(s.Context(), append(args, "--kubeconfig", kubeconfig), os.Stdin, &out, &errs)
	if got != code || !strings.Contains(out.String(), words) {
		return fmt.Errorf("kubectl ordinal %s: exit %d, want %d with %q;\n%s%s", strings.Join(args, " "), got, code, words, &out, &errs)
	}
	return nil
}
