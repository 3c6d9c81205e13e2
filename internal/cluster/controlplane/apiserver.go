package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	"k8s.io/kubernetes/pkg/controlplane/reconcilers"

	"ordinal.dev/ordinal/internal/cluster/pki"
)

// Names of the certificates that the control plane reads.
const (
	APIServerCert     = "apiserver"
	KubeletClientCert = "apiserver-kubelet-client"
	FrontProxyCert    = "front-proxy-client"
	ServiceAccountKey = "service-account"
	ControllersCert   = "controller-manager"
	SchedulerCert     = "scheduler"
	AuthorityCert     = "ca"
	FrontProxyCA      = "front-proxy-ca"
)

// APIServer is kube-apiserver.
type APIServer struct {
	Listener    net.Listener // bound by the caller, who can say who else holds the port
	Etcd        string       // endpoint
	PKI         pki.Dir
	ServiceCIDR netip.Prefix
	Domain      string
	Kubeconfig  string // an administrator's, to probe with
	// Advertise puts the server's address behind the Service `kubernetes`.
	// A loopback address cannot be: pods could not reach it.
	Advertise bool
	// AuditPolicy and AuditLog switch on auditing; empty for none.
	AuditPolicy, AuditLog string
	// EnforceOwners switches OwnerReferencesPermissionEnforcement on.
	EnforceOwners bool
}

// Name implements supervisor.Part.
func (a *APIServer) Name() string { return "kube-apiserver" }

// Ready implements supervisor.Part.
func (a *APIServer) Ready(ctx context.Context) error {
	client, err := clientFor(a.Kubeconfig)
	if err != nil {
		return err
	}
	_, err = client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}

// Run implements supervisor.Part.
func (a *APIServer) Run(ctx context.Context) error {
	if err := setGlobals(); err != nil {
		return err
	}
	completed, err := a.options().Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	if err := app.Run(ctx, completed); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (a *APIServer) options() *options.ServerRunOptions {
	addr := a.Listener.Addr().(*net.TCPAddr)
	s := options.NewServerRunOptions()
	s.SecureServing.Listener = a.Listener
	s.SecureServing.BindAddress, s.SecureServing.BindPort = addr.IP, addr.Port
	s.SecureServing.ServerCert.CertKey = a.pair(APIServerCert)
	s.GenericServerRunOptions.AdvertiseAddress = addr.IP
	s.EndpointReconcilerType = string(reconcilers.NoneEndpointReconcilerType)
	if a.Advertise {
		s.EndpointReconcilerType = string(reconcilers.LeaseEndpointReconcilerType)
	}
	s.ServiceClusterIPRanges = a.ServiceCIDR.String()
	s.AllowPrivileged = true
	s.Features.EnableProfiling = false

	s.Etcd.StorageConfig.Transport.ServerList = []string{a.Etcd}
	// One machine has one API server: events need no store of their own.
	s.Etcd.EnableWatchCache = true

	a.authenticate(s)
	s.Authorization.Modes = []string{"Node", "RBAC"}
	plugins := []string{"NodeRestriction"}
	if a.EnforceOwners {
		plugins = append(plugins, "OwnerReferencesPermissionEnforcement")
	}
	s.Admission.GenericAdmission.EnablePlugins = append(s.Admission.GenericAdmission.EnablePlugins, plugins...)

	client := a.pair(KubeletClientCert)
	s.KubeletConfig.TLSClientConfig.CertFile, s.KubeletConfig.TLSClientConfig.KeyFile = client.CertFile, client.KeyFile
	s.KubeletConfig.TLSClientConfig.CAFile = a.PKI.Cert(AuthorityCert)
	// The node's hostname resolves nowhere; its address always answers.
	s.KubeletConfig.PreferredAddressTypes = []string{"InternalIP"}

	if a.AuditLog != "" {
		s.Audit.PolicyFile = a.AuditPolicy
		s.Audit.LogOptions.Path = a.AuditLog
	}
	return s
}

func (a *APIServer) authenticate(s *options.ServerRunOptions) {
	s.Authentication.Anonymous.Allow = false
	s.Authentication.ClientCert.ClientCA = a.PKI.Cert(AuthorityCert)
	front := s.Authentication.RequestHeader
	front.ClientCAFile = a.PKI.Cert(FrontProxyCA)
	front.AllowedNames = []string{FrontProxyCert}
	front.UsernameHeaders = []string{"X-Remote-User"}
	front.GroupHeaders = []string{"X-Remote-Group"}
	front.ExtraHeaderPrefixes = []string{"X-Remote-Extra-"}
	proxy := a.pair(FrontProxyCert)
	s.ProxyClientCertFile, s.ProxyClientKeyFile = proxy.CertFile, proxy.KeyFile

	s.ServiceAccountSigningKeyFile = a.PKI.Key(ServiceAccountKey)
	s.Authentication.ServiceAccounts.KeyFiles = []string{a.PKI.Key(ServiceAccountKey)}
	s.Authentication.ServiceAccounts.Issuers = []string{"https://kubernetes.default.svc." + a.Domain}
}

func (a *APIServer) pair(name string) genericoptions.CertKey {
	return genericoptions.CertKey{CertFile: a.PKI.Cert(name), KeyFile: a.PKI.Key(name)}
}

func clientFor(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", kubeconfig, err)
	}
	return kubernetes.NewForConfig(config)
}
