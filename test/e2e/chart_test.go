package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/world"
)

// chartNamespace is where the chart is installed, as its README says.
const chartNamespace = "ordinal-system"

// A helmUser has the chart, the image, one of the Helms, and the cluster under test, whose
// own controller goes on meanwhile: the chart's takes nothing from it.
type helmUser struct {
	*testing.T
	program string
	home    string
	client  kubernetes.Interface
}

func TestTheChartIsInstalledUpgradedAndRemoved(t *testing.T) {
	s := counterScene(t)
	lab.Run(t, "load", "../../bin/ordinal-controller.tar")
	before := world.UIDs(s.Pods())
	for _, program := range []string{"helm", "helm3"} {
		t.Run(program, func(t *testing.T) {
			u := &helmUser{t, "../../bin/tools/" + program, t.TempDir(), administrator(t)}
			t.Cleanup(func() { lab.Run(t, "kubectl", "delete", "namespace", chartNamespace, "--ignore-not-found") })
			u.helm("install", "ordinal", "../../charts/ordinal", "--create-namespace", "--wait", "--timeout=2m")
			u.runs(2, "--workers=16")
			u.helm("test", "ordinal", "--timeout=1m")
			u.helm("upgrade", "ordinal", "../../charts/ordinal", "--set=controller.workers=8,replicas=3", "--wait", "--timeout=2m")
			u.runs(3, "--workers=8")
			u.takes("taken-by-" + program)
			u.helm("uninstall", "ordinal", "--wait", "--timeout=2m")
			u.isGivenBack("taken-by-" + program)
			u.nothingIsLeft()
		})
	}
	for name, uid := range world.UIDs(s.Pods()) {
		if before[name] != uid {
			t.Errorf("%s is another pod than before", name)
		}
	}
}

// helm runs a command that must succeed.
func (u *helmUser) helm(args ...string) {
	u.Helper()
	cmd := exec.Command(u.program, append(args, "--namespace", chartNamespace)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(lab.Dir, "kubeconfig"), "GOGC=",
		"HELM_CACHE_HOME="+u.home, "HELM_CONFIG_HOME="+u.home, "HELM_DATA_HOME="+u.home)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		pods, _ := lab.Try("kubectl", "--namespace", chartNamespace, "describe", "pods")
		logs, _ := lab.Try("kubectl", "--namespace", chartNamespace, "logs", "--selector=app.kubernetes.io/name=ordinal", "--tail=30", "--prefix")
		u.Fatalf("helm %s: %v (`make e2e` builds it)\n%s\n%s\n%s", strings.Join(args, " "), err, out.String(), pods, logs)
	}
}

// runs checks that so many instances are ready with this argument.
func (u *helmUser) runs(instances int32, arg string) {
	u.Helper()
	d, err := u.client.AppsV1().Deployments(chartNamespace).Get(u.Context(), "ordinal-controller", metav1.GetOptions{})
	if err != nil {
		u.Fatal(err)
	}
	args := strings.Join(d.Spec.Template.Spec.Containers[0].Args, " ")
	if s := d.Status; s.ReadyReplicas != instances || s.UpdatedReplicas != instances || !strings.Contains(args, arg) {
		u.Errorf("%d instances are ready and %d are up to date, of %d with %s; they run with %s", s.ReadyReplicas, s.UpdatedReplicas, instances, arg, args)
	}
}

// takes makes a namespace the chart's controller's, and waits until that acts there. It has
// no sets, since the cluster's own controller would act on them, too.
func (u *helmUser) takes(namespace string) {
	u.Helper()
	u.Cleanup(func() { lab.Run(u.T, "kubectl", "delete", "namespace", namespace, "--wait=false") })
	lab.Run(u.T, "kubectl", "create", "namespace", namespace)
	lab.Run(u.T, "kubectl", "--namespace", namespace, "create", "rolebinding", "ordinal-controller",
		"--clusterrole=ordinal-controller-writes", "--serviceaccount="+chartNamespace+":ordinal-controller")
	lab.Run(u.T, "kubectl", "label", "namespace", namespace, fence.Label+"="+fence.Ordinal)
	err := wait.PollUntilContextTimeout(u.Context(), time.Second, time.Minute, true, func(ctx context.Context) (bool, error) {
		config, err := u.client.CoreV1().ConfigMaps(chartNamespace).Get(ctx, fence.RecordName, metav1.GetOptions{})
		if err != nil {
			return false, nil // not written yet
		}
		record, err := fence.ReadRecord(config)
		if err != nil {
			return false, err
		}
		is := record.Of(namespace)
		return is != nil && is.State == fence.Acting, nil
	})
	if err != nil {
		u.Fatalf("the controller does not act in %s: %v", namespace, err)
	}
}

func (u *helmUser) isGivenBack(namespace string) {
	u.Helper()
	n, err := u.client.CoreV1().Namespaces().Get(u.Context(), namespace, metav1.GetOptions{})
	if err != nil {
		u.Fatal(err)
	}
	if fence.ChargeOf(n).Fenced() {
		u.Errorf("%s is still Ordinal's: labels %v", namespace, n.Labels)
	}
}

// nothingIsLeft looks for what the chart has made, hooks included. Helm does not wait for
// the pods of a Deployment that it has deleted.
func (u *helmUser) nothingIsLeft() {
	u.Helper()
	var left string
	err := wait.PollUntilContextTimeout(u.Context(), time.Second, time.Minute, true, func(context.Context) (bool, error) {
		left = strings.TrimSpace(lab.Run(u.T, "kubectl", "get", "--all-namespaces", "--ignore-not-found", "--output=name", "--selector=app.kubernetes.io/name=ordinal",
			"clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,deployments,services,jobs,pods,poddisruptionbudgets,flowschemas,"+
				"validatingadmissionpolicies,validatingadmissionpolicybindings"))
		return left == "", nil
	})
	if err != nil {
		u.Errorf("helm uninstall leaves\n%s", left)
	}
}
