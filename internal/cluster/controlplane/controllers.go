package controlplane

import (
	"context"
	"fmt"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"

	"ordinal.dev/ordinal/internal/cluster/pki"
)

// Controllers is kube-controller-manager, with all controllers but the one for
// StatefulSets, in whose place ours runs, and the one that attaches volumes, which the
// kubelet does. That controller and a kubelet cannot be in one process: both keep what they
// know of CSI drivers in the same variable, and where the controller comes last the
// kubelet registers a node without a name, and never gets ready.
type Controllers struct {
	Kubeconfig  string // its own identity
	PKI         pki.Dir
	ServiceCIDR netip.Prefix
	// StatefulSets has the controller for them run all the same.
	StatefulSets bool
}

// Name implements supervisor.Part.
func (c *Controllers) Name() string { return "kube-controller-manager" }

// Ready implements supervisor.Part. The default service account is the first
// thing any pod needs from the controllers, so it is what proves them at work.
func (c *Controllers) Ready(ctx context.Context) error {
	client, err := clientFor(c.Kubeconfig)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// Run implements supervisor.Part.
func (c *Controllers) Run(ctx context.Context) error {
	if err := setGlobals(); err != nil {
		return err
	}
	s, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	s.Generic.ClientConnection.Kubeconfig = c.Kubeconfig
	// The API server's own priority and fairness is the limit that counts.
	s.Generic.ClientConnection.QPS, s.Generic.ClientConnection.Burst = 200, 400
	s.Generic.LeaderElection.LeaderElect = false
	s.Generic.Controllers = []string{"*", "-" + names.PersistentVolumeAttachDetachController}
	if !c.StatefulSets {
		s.Generic.Controllers = append(s.Generic.Controllers, "-"+names.StatefulSetController)
	}
	s.SecureServing.BindPort = 0
	s.KubeCloudShared.UseServiceAccountCredentials = true
	s.KubeCloudShared.ConfigureCloudRoutes = false
	s.SAController.ServiceAccountKeyFile = c.PKI.Key(ServiceAccountKey)
	s.SAController.RootCAFile = c.PKI.Cert(AuthorityCert)
	s.CSRSigningController.ClusterSigningCertFile = c.PKI.Cert(AuthorityCert)
	s.CSRSigningController.ClusterSigningKeyFile = c.PKI.Key(AuthorityCert)
	s.NodeIPAMController.ServiceCIDR = c.ServiceCIDR.String()

	config, err := s.Config(ctx, app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	if err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	return app.Run(ctx, config.Complete())
}
