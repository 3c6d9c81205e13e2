package integration

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/cmd/explain"
	"k8s.io/kubectl/pkg/cmd/get"
	"k8s.io/kubectl/pkg/cmd/util"
)

// kubectl is what kubectl makes of its flags, for the test's namespace.
func (w *scene) kubectl() util.Factory {
	w.Helper()
	flags := genericclioptions.NewConfigFlags(false).WithWrapConfigFn(func(*rest.Config) *rest.Config { return rest.CopyConfig(adminConfig) })
	nobodys, cache := "/dev/null", w.TempDir() // nothing of whoever runs the test
	flags.KubeConfig, flags.CacheDir, flags.Namespace = &nobodys, &cache, &w.Namespace
	return util.NewFactory(flags)
}

func TestKubectlExplainsPolicies(t *testing.T) {
	w := newScene(t)
	w.soon(func() error { // what explain reads is made a moment after the kind is served
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		o, err := explain.NewExplainFlags(streams).ToOptions(w.kubectl(), "kubectl", []string{"statefulsetpolicy.spec.rollout"})
		w.Must(err)
		w.Must(o.Validate())
		if err := o.Run(); err != nil {
			return err
		}
		return printed(out, "GROUP:      ordinal.dev", "FIELD: rollout <Object>", "How a new pod template is rolled out.",
			"progressDeadlineSeconds", "Stops roll-outs, and nothing else", "enum: Hold, Revert")
	})
}

func TestKubectlGetsPoliciesWithTheirState(t *testing.T) {
	w := newScene(t)
	_, err := w.policies().Create(w.Ctx, w.policy(""), metav1.CreateOptions{})
	w.Must(err)
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	o, f := get.NewGetOptions("kubectl", streams), w.kubectl()
	w.Must(o.Complete(f, get.NewCmdGet("kubectl", f, streams), []string{"stsp"}))
	w.Must(o.Validate())
	w.Must(o.Run(f, []string{"stsp"}))
	columns, _, _ := strings.Cut(out.String(), "\n")
	if got := strings.Fields(columns); !slices.Equal(got, []string{"NAME", "TARGET", "STATE", "REASON", "AGE"}) {
		t.Errorf("kubectl get stsp shows\n%s", out)
	}
	w.Must(printed(out, "web"))
}

// printed objects unless all these words were printed.
func printed(out *bytes.Buffer, words ...string) error {
	for _, want := range words {
		if !strings.Contains(out.String(), want) {
			return fmt.Errorf("kubectl does not say %q, but\n%s", want, out)
		}
	}
	return nil
}
