package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/pki"
)

// userKubeconfig is the file that kubectl itself would write to.
func userKubeconfig() string {
	if list := filepath.SplitList(os.Getenv("KUBECONFIG")); len(list) > 0 {
		return list[0]
	}
	return clientcmd.RecommendedHomeFile
}

// mergeKubeconfig adds the cluster to the user's kubeconfig and makes it the
// current context. Everything else in the file stays.
func mergeKubeconfig(l layout.Layout, path string) error {
	if path == "" {
		return nil
	}
	own, err := clientcmd.LoadFromFile(l.Kubeconfig())
	if err != nil {
		return err
	}
	access, user, err := openKubeconfig(path)
	if err != nil {
		return err
	}
	const name = pki.ContextName
	cluster, auth, kubeContext := own.Clusters[name], own.AuthInfos[name], own.Contexts[name]
	// clientcmd would write each back to the file it came from.
	cluster.LocationOfOrigin, auth.LocationOfOrigin, kubeContext.LocationOfOrigin = "", "", ""
	user.Clusters[name], user.AuthInfos[name], user.Contexts[name] = cluster, auth, kubeContext
	user.CurrentContext = name
	return clientcmd.ModifyConfig(access, *user, false)
}

// forgetKubeconfig takes the cluster out of the user's kubeconfig, if it is
// still the one of this data directory.
func forgetKubeconfig(l layout.Layout, path string) error {
	own, err := clientcmd.LoadFromFile(l.Kubeconfig())
	if err != nil || path == "" {
		return nil // never came up, or was never merged
	}
	access, user, err := openKubeconfig(path)
	if err != nil {
		return err
	}
	const name = pki.ContextName
	theirs, ok := user.Clusters[name]
	if !ok || string(theirs.CertificateAuthorityData) != string(own.Clusters[name].CertificateAuthorityData) {
		return nil
	}
	delete(user.Clusters, name)
	delete(user.AuthInfos, name)
	delete(user.Contexts, name)
	if user.CurrentContext == name {
		user.CurrentContext = ""
	}
	return clientcmd.ModifyConfig(access, *user, false)
}

// openKubeconfig reads a kubeconfig, which need not exist, and returns how to
// write it.
func openKubeconfig(path string) (*clientcmd.PathOptions, *api.Config, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, err
	}
	access := clientcmd.NewDefaultPathOptions()
	access.LoadingRules.ExplicitPath = path
	config, err := access.GetStartingConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return access, config, nil
}
