package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/handover"
	"ordinal.dev/ordinal/internal/plugin/overview"
)

func (e Env) newStatus() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [NAMESPACE | sts/NAME]",
		Short: "Say which sets are Ordinal's, what they wait for, and whether the fence is up",
		Long: `Say which namespaces and sets are Ordinal's, what the sets wait for, and whether the
fence is up that keeps the in-tree controller out; of sts/NAME, all there is to say.

The exit code is 1 where Ordinal does not act as it should: it is not installed, no
controller is at work, the fence is down, or a namespace is stopped. Sets that wait
for something are no such case; for those there is kubectl wait.`,
		Args: cobra.MaximumNArgs(1),
	}
	status := e.AddStatus(c)
	c.RunE = func(c *cobra.Command, args []string) error { return status(c.Context(), args) }
	return c
}

// AddStatus gives a command the flags of status, and returns what it does then.
func (e Env) AddStatus(c *cobra.Command) func(context.Context, []string) error {
	var out output
	out.addTo(c)
	at := e.addAccess(c)
	c.ValidArgsFunction = at.completeTargets
	return func(ctx context.Context, args []string) error {
		if err := out.check(); err != nil {
			return err
		}
		cluster, err := at.connect()
		if err != nil {
			return err
		}
		if len(args) == 0 && !cluster.named {
			return e.statusOf(ctx, cluster, "", out)
		}
		if len(args) == 0 {
			return e.statusOf(ctx, cluster, cluster.namespace, out)
		}
		targets, err := handover.Targets(args, cluster.namespace, cluster.named)
		switch {
		case err != nil:
			return err
		case targets[0].Whole():
			return e.statusOf(ctx, cluster, targets[0].Namespace, out)
		}
		return e.statusOfSet(ctx, cluster, targets[0].Sets[0], out)
	}
}

// statusOf prints the report of one namespace, or of all.
func (e Env) statusOf(ctx context.Context, c *cluster, namespace string, out output) error {
	r, _, err := c.report(ctx, namespace)
	if err != nil {
		return err
	}
	return failIf(r.Problems, e.print(out, r, r.Text(time.Now())))
}

func (e Env) statusOfSet(ctx context.Context, c *cluster, name string, out output) error {
	s, err := c.look(name)(ctx)
	if err != nil {
		return err
	}
	r, charge, err := c.report(ctx, c.namespace)
	if err != nil {
		return err
	}
	one := overview.MakeOne(r, charge, s, plan.Make(s))
	return failIf(one.Problems, e.print(out, one, one.Text(time.Now())))
}

// failIf ends the program with 1 where there are problems, which were printed.
func failIf(problems []string, err error) error {
	if err == nil && len(problems) > 0 {
		return ErrSaid
	}
	return err
}

// report reads what a report is made of. The charge is that of the namespace, if one is
// given.
func (c *cluster) report(ctx context.Context, namespace string) (overview.Report, fence.Charge, error) {
	var none overview.Report
	i, err := c.installation(ctx)
	if err != nil {
		return none, fence.Charge{}, err
	}
	namespaces, err := c.namespaces(ctx, namespace)
	if err != nil {
		return none, fence.Charge{}, err
	}
	var sets []appsv1.StatefulSet
	for n := range namespaces {
		if !i.WholeCluster() && !fence.ChargeOf(&namespaces[n]).Fenced() {
			continue
		}
		var list appsv1.StatefulSetList
		if err := c.client.List(ctx, &list, client.InNamespace(namespaces[n].Name)); err != nil {
			return none, fence.Charge{}, err
		}
		sets = append(sets, list.Items...)
	}
	charge := fence.Charge{}
	if namespace != "" {
		charge = fence.ChargeOf(&namespaces[0])
	}
	return overview.Make(i, namespaces, sets, time.Now()), charge, nil
}

// namespaces are all, or the one that is given.
func (c *cluster) namespaces(ctx context.Context, name string) ([]corev1.Namespace, error) {
	if name == "" {
		var list corev1.NamespaceList
		if err := c.client.List(ctx, &list); apierrors.IsForbidden(err) {
			return nil, fmt.Errorf("this user may not list namespaces; name one with -n: %w", err)
		} else if err != nil {
			return nil, err
		}
		return list.Items, nil
	}
	namespace := corev1.Namespace{}
	err := c.client.Get(ctx, types.NamespacedName{Name: name}, &namespace)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no namespace %s; see: kubectl get namespaces", name)
	}
	return []corev1.Namespace{namespace}, err
}
