package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/install"
	"ordinal.dev/ordinal/internal/version"
)

// access is how a command reaches a cluster, as its flags say.
type access struct {
	env   Env
	flags *genericclioptions.ConfigFlags
}

// addAccess gives a command kubectl's flags for choosing a cluster. Only those that are
// used every day are in the help.
func (e Env) addAccess(c *cobra.Command) *access {
	a := &access{env: e, flags: genericclioptions.NewConfigFlags(true)}
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	a.flags.AddFlags(all)
	all.VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case "namespace":
			f.Usage = "namespace of the StatefulSets; empty for the context's"
		case "context":
			f.Usage = "context of the kubeconfig to use"
		case "kubeconfig":
			f.Usage = "another cluster's kubeconfig"
		default:
			f.Hidden = true
		}
		c.Flags().AddFlag(f)
	})
	return a
}

// noCluster is the server that upstream takes where none is named.
const noCluster = "http://localhost:8080"

// cluster is one that was reached.
type cluster struct {
	config    *rest.Config
	client    client.Client
	namespace string // that of the flags, or of the context
	named     bool   // the flags name it
	ours      bool   // Ordinal's controller is a part of it
}

// connect finds the cluster. Nothing is sent yet.
func (a *access) connect() (*cluster, error) {
	log.SetLogger(logr.Discard()) // controller-runtime complains without one
	c := &cluster{named: *a.flags.Namespace != ""}
	var err error
	if a.env.Aim != nil && *a.flags.KubeConfig == "" && *a.flags.Context == "" {
		if c.ours, err = a.env.Aim(a.flags); err != nil {
			return nil, err
		}
	}
	loader := a.flags.ToRawKubeConfigLoader()
	if c.namespace, _, err = loader.Namespace(); err != nil {
		return nil, err
	}
	if c.config, err = a.flags.ToRESTConfig(); err != nil {
		return nil, fmt.Errorf("there is no cluster to speak to, choose one with --kubeconfig or --context: %w", err)
	}
	// Upstream would try localhost then, where hardly anybody has a cluster.
	if files, err := loader.RawConfig(); err == nil && len(files.Clusters) == 0 && c.config.Host == noCluster && *a.flags.APIServer == "" {
		return nil, errors.New("there is no cluster to speak to: no kubeconfig names one; choose a file with --kubeconfig or KUBECONFIG")
	}
	c.config.UserAgent = Binary + "/" + version.Ordinal()
	c.config.QPS, c.config.Burst = 50, 100 // as kubectl
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	c.client, err = client.New(c.config, client.Options{Scheme: scheme})
	return c, err
}

// installation is how Ordinal is installed. A cluster that it is a part of has nothing that
// says so.
func (c *cluster) installation(ctx context.Context) (*install.Installation, error) {
	i, err := install.Read(ctx, c.client)
	if err == nil && c.ours && !i.Here() {
		i.Record = &fence.Record{Version: version.Ordinal(), Mode: fence.WholeCluster}
	}
	return i, err
}
