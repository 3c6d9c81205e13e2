package plugin

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
)

// completionTime is how long a shell waits for the API server.
const completionTime = 3 * time.Second

// completeSet offers the sets of the namespace.
func (a *access) completeSet(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c.Context(), (*cluster).setNames)
}

// completePod offers the pods of the namespace's sets.
func (a *access) completePod(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c.Context(), (*cluster).podNames)
}

// completeTargets offers namespaces, or sets where a namespace is given.
func (a *access) completeTargets(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if *a.flags.Namespace != "" || len(typed) > 2 && typed[:3] == "sts" {
		return a.complete(c.Context(), (*cluster).setNames)
	}
	return a.complete(c.Context(), (*cluster).namespaceNames)
}

func (a *access) complete(ctx context.Context, list func(*cluster, context.Context) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	cluster, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	names, _ := list(cluster, ctx) // a shell has no place for an error
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (c *cluster) setNames(ctx context.Context) ([]string, error) {
	var sets appsv1.StatefulSetList
	err := c.client.List(ctx, &sets, client.InNamespace(c.namespace))
	var names []string
	for _, set := range sets.Items {
		names = append(names, "sts/"+set.Name)
	}
	return names, err
}

func (c *cluster) podNames(ctx context.Context) ([]string, error) {
	var pods corev1.PodList
	err := c.client.List(ctx, &pods, client.InNamespace(c.namespace))
	var names []string
	for _, pod := range pods.Items {
		if owner := metav1.GetControllerOf(&pod); owner != nil && owner.Kind == identity.SetKind.Kind {
			names = append(names, "pod/"+pod.Name)
		}
	}
	return names, err
}

func (c *cluster) namespaceNames(ctx context.Context) ([]string, error) {
	var namespaces corev1.NamespaceList
	err := c.client.List(ctx, &namespaces)
	var names []string
	for _, namespace := range namespaces.Items {
		names = append(names, namespace.Name)
	}
	return names, err
}
