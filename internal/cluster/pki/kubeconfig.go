package pki

import (
	"os"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ContextName names cluster, user and context in every kubeconfig made here.
const ContextName = "ordinal"

// Kubeconfig returns a kubeconfig that holds the certificate itself, so that
// the file can be copied.
func (a *Authority) Kubeconfig(leaf, server string) (*api.Config, error) {
	ca, err := os.ReadFile(a.CertFile())
	if err != nil {
		return nil, err
	}
	cert, err := os.ReadFile(a.dir.Cert(leaf))
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(a.dir.Key(leaf))
	if err != nil {
		return nil, err
	}
	c := api.NewConfig()
	c.Clusters[ContextName] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos[ContextName] = &api.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	c.Contexts[ContextName] = &api.Context{Cluster: ContextName, AuthInfo: ContextName}
	c.CurrentContext = ContextName
	return c, nil
}

// WriteKubeconfig writes the kubeconfig of a leaf, 0600, replacing the file as
// a whole.
func (a *Authority) WriteKubeconfig(path, leaf, server string) error {
	config, err := a.Kubeconfig(leaf, server)
	if err != nil {
		return err
	}
	data, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return writeFile(path, data, 0o600)
}
