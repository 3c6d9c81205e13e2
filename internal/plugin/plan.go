package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"

	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/plan"
)

// setTarget is one StatefulSet on a cluster, as flags and an argument name it.
type setTarget struct {
	config          *genericclioptions.ConfigFlags
	namespace, name string
	reader          client.Reader
}

// addSetFlags gives a command kubectl's flags for choosing a cluster and a
// namespace.
func addSetFlags(c *cobra.Command) *setTarget {
	t := &setTarget{config: genericclioptions.NewConfigFlags(true)}
	flags := c.Flags()
	flags.StringVarP(t.config.Namespace, "namespace", "n", "", "namespace of the StatefulSet")
	flags.StringVar(t.config.KubeConfig, "kubeconfig", "", "another cluster's kubeconfig")
	flags.StringVar(t.config.Context, "context", "", "the context to use of it")
	return t
}

// resolve finds the cluster and the set's name in "NAME" or "sts/NAME".
func (t *setTarget) resolve(r *root, arg string) error {
	if *t.config.KubeConfig == "" && *t.config.Context == "" {
		l, err := r.layout()
		if err != nil {
			return err
		}
		if err := aim(t.config, l); err != nil {
			return err
		}
	}
	kind, name, typed := strings.Cut(arg, "/")
	switch {
	case !typed:
		t.name = arg
	case kind == "sts", kind == "statefulset", kind == "statefulsets":
		t.name = name
	default:
		return fmt.Errorf("%q is not a StatefulSet: write sts/NAME", arg)
	}
	var err error
	if t.namespace, _, err = t.config.ToRawKubeConfigLoader().Namespace(); err != nil {
		return err
	}
	config, err := t.config.ToRESTConfig()
	if err != nil {
		return err
	}
	log.SetLogger(logr.Discard()) // controller-runtime complains without one
	t.reader, err = client.New(config, client.Options{})
	return err
}

var errNoSet = errors.New("there is no StatefulSet")

// snapshot is what the controller would see of the set now.
func (t *setTarget) snapshot(ctx context.Context) (plan.Snapshot, error) {
	s, err := snapshot.Load(ctx, t.reader, t.namespace, t.name, time.Now())
	if apierrors.IsNotFound(err) {
		return s, fmt.Errorf("%w %s in namespace %s; see: ordinal kubectl get sts -A", errNoSet, t.name, t.namespace)
	}
	return s, err
}

func (r *root) newPlan() *cobra.Command {
	var target *setTarget
	c := &cobra.Command{
		Use:   "plan NAME",
		Short: "Say what the controller would do about a StatefulSet now, and why",
		Long: `Say what the controller would do about a StatefulSet now, and why, without doing
it: the plan is made from what the API holds at this moment. What only the running
controller knows is not in it: what its --disable switches off, how long it pauses
after failures, and which writes were refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := target.resolve(r, args[0]); err != nil {
				return err
			}
			s, err := target.snapshot(c.Context())
			if err != nil {
				return err
			}
			p := plan.Make(s)
			_, err = fmt.Fprint(r.out, p.String())
			return err
		},
	}
	target = addSetFlags(c)
	return c
}
