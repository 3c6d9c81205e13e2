package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (e Env) newRebuild() *cobra.Command {
	var (
		at  *access
		yes bool
	)
	c := &cobra.Command{
		Use:   "rebuild pod/NAME",
		Short: "Have a pod of a StatefulSet come back without its data",
		Long: `Have a pod of a StatefulSet come back without its data: the pod and its claims are
deleted, and made anew. What is in the claims is lost, so that it is asked before; where
nobody can be asked, add --yes. The other pods keep theirs.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, err := at.connect()
			if err != nil {
				return err
			}
			return e.rebuild(c.Context(), cluster, c.InOrStdin(), args[0], yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask: the data is to be lost")
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completePod
	return c
}

// rebuild deletes a pod's claims and then the pod. In this order no pod can come between that
// has the old ones: a claim that is being deleted stays until its pod is gone, and gets no
// other.
func (e Env) rebuild(ctx context.Context, cluster *cluster, in io.Reader, arg string, yes bool) error {
	m, err := cluster.memberOf(ctx, arg)
	if err != nil {
		return err
	}
	claims := m.claims()
	if len(claims) == 0 {
		return fmt.Errorf("pod %s has no claims, so there is nothing to rebuild: kubectl delete pod %s makes it anew", m.name, m.name)
	}
	what := fmt.Sprintf("Pod %s comes back without its data. These claims are deleted, with what is in them:%s", m.name, cluster.listOf(ctx, claims))
	if others := m.others(); others != "" {
		what += "\n" + others + " Whom is the data to come from?"
	}
	if err := e.confirm(in, question{what, yes}); err != nil {
		return err
	}
	for _, claim := range claims {
		if err := client.IgnoreNotFound(cluster.client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID})); err != nil {
			return fmt.Errorf("delete claim %s: %w", claim.Name, err)
		}
	}
	if m.pod != nil {
		if err := client.IgnoreNotFound(cluster.client.Delete(ctx, m.pod, client.Preconditions{UID: &m.pod.UID})); err != nil {
			return fmt.Errorf("delete pod %s, whose claims are being deleted: %w", m.name, err)
		}
	}
	fmt.Fprintf(e.Out, "pod %s is rebuilt; see how it comes back: %s watch sts/%s\n", m.name, e.Program, m.s.Set.Name)
	return nil
}
