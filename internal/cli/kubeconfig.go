package cli

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/homedir"

	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/pki"
)

// A person is who typed the command, where that was through sudo.
type person struct {
	uid, gid int
	home     string
}

// sudoer finds out who that is; ok is false for root, and without sudo.
func sudoer() (p person, ok bool) {
	uid := os.Getenv("SUDO_UID")
	if os.Geteuid() != 0 || uid == "" || uid == "0" {
		return p, false
	}
	u, err := user.LookupId(uid)
	if err != nil {
		return p, false
	}
	var errUID, errGID error
	p.uid, errUID = strconv.Atoi(u.Uid)
	p.gid, errGID = strconv.Atoi(u.Gid)
	p.home = filepath.Clean(u.HomeDir)
	return p, errUID == nil && errGID == nil && filepath.IsAbs(p.home) && p.home != "/"
}

// userKubeconfig is the file that the user's own kubectl would write to; "" where
// nobody's is known, as in a unit of systemd.
func userKubeconfig() string {
	if list := filepath.SplitList(os.Getenv("KUBECONFIG")); len(list) > 0 {
		return list[0]
	}
	if p, ok := sudoer(); ok {
		return filepath.Join(p.home, clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)
	}
	if homedir.HomeDir() == "" {
		return ""
	}
	return clientcmd.RecommendedHomeFile
}

// asOwner does something with a kubeconfig as the user whose it is. A file in somebody's
// home may be a link to where only root may write.
func asOwner(path string, do func() error) error {
	p, ok := sudoer()
	if full, err := filepath.Abs(path); !ok || err != nil || !strings.HasPrefix(full, p.home+"/") {
		return do()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends here, and nothing else runs as that user
		if err := p.become(); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// become has this thread, and no other, deal with files as the person.
func (p person) become() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("giving up root's groups: %w", errno)
	}
	_, _ = unix.SetfsgidRetGid(p.gid) // neither says whether it did
	_, _ = unix.SetfsuidRetUid(p.uid)
	gid, _ := unix.SetfsgidRetGid(-1)
	if uid, _ := unix.SetfsuidRetUid(-1); uid != p.uid || gid != p.gid {
		return fmt.Errorf("the kernel does not let this process act for user %d", p.uid)
	}
	return nil
}

// mergeKubeconfig adds the cluster to the user's kubeconfig, and may make it the
// current context. Everything else in the file stays.
func mergeKubeconfig(l layout.Layout, path string, current bool) error {
	if path == "" {
		return nil
	}
	own, err := clientcmd.LoadFromFile(l.Kubeconfig())
	if err != nil {
		return err
	}
	const name = pki.ContextName
	cluster, auth, kubeContext := own.Clusters[name], own.AuthInfos[name], own.Contexts[name]
	// clientcmd would write each back to the file it came from.
	cluster.LocationOfOrigin, auth.LocationOfOrigin, kubeContext.LocationOfOrigin = "", "", ""
	return asOwner(path, func() error {
		access, user, err := openKubeconfig(path)
		if err != nil {
			return err
		}
		user.Clusters[name], user.AuthInfos[name], user.Contexts[name] = cluster, auth, kubeContext
		if current {
			user.CurrentContext = name
		}
		return clientcmd.ModifyConfig(access, *user, false)
	})
}

// forgetKubeconfig returns what takes the cluster out of the user's kubeconfig, if it is
// still the one of this data directory, whose own is not needed for that any more.
func forgetKubeconfig(l layout.Layout, path string) (forget func() error) {
	own, err := clientcmd.LoadFromFile(l.Kubeconfig())
	if err != nil || path == "" {
		return func() error { return nil } // never came up, or was never merged
	}
	return func() error {
		return asOwner(path, func() error { return forgetIn(path, own.Clusters[pki.ContextName]) })
	}
}

func forgetIn(path string, own *api.Cluster) error {
	access, user, err := openKubeconfig(path)
	if err != nil {
		return err
	}
	const name = pki.ContextName
	theirs, ok := user.Clusters[name]
	if !ok || string(theirs.CertificateAuthorityData) != string(own.CertificateAuthorityData) {
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
