package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

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
			u.helm("uninstall", "ordinal", "--wait", "--timeout=2m")
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

// nothingIsLeft looks for what the chart has made, hooks included.
func (u *helmUser) nothingIsLeft() {
	u.Helper()
	out := lab.Run(u.T, "kubectl", "get", "--all-namespaces", "--ignore-not-found", "--output=name", "--selector=app.kubernetes.io/name=ordinal",
		"clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,deployments,services,jobs,pods,poddisruptionbudgets,flowschemas,"+
			"validatingadmissionpolicies,validatingadmissionpolicybindings")
	if left := strings.TrimSpace(out); left != "" {
		u.Errorf("helm uninstall leaves\n%s", left)
	}
}
