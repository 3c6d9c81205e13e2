package cli

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/plugin"
)

// run runs a command line and returns what it wrote.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return runAs(t, "ordinal", args...)
}

// runAs is run of a program that is called so.
func runAs(t *testing.T, name string, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	files := make([]*os.File, 2)
	for i, name := range []string{"out", "err"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	code = Run(append([]string{name}, args...), in, files[0], files[1])
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return code, text("out"), text("err")
}

func TestMistakesGetOneSentenceAndANonZeroExit(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"up", "--pod-cidr", "ten"}, `--pod-cidr "ten" is not a network`},
		{[]string{"up", "--nodes", "7"}, `--nodes "7" is not known: use simulated`},
		{[]string{"up", "--nodes", "simulated=0"}, "at least 1"},
		{[]string{"up", "--data-dir", dir, "--statefulset-controller", "both"}, `--statefulset-controller "both" is not known: use ordinal, in-tree, or none`},
		{[]string{"up", "--nodes", "simulated", "--data-dir", file}, "choose another with --data-dir"},
		{[]string{"kubectl", "--data-dir", dir, "get", "pods"}, "there is no cluster in " + dir},
		{[]string{"watch", "--data-dir", dir, "sts/x"}, "there is no cluster in " + dir},
		{[]string{"status", "-o", "xml"}, "-o xml is not known"},
		{[]string{"status", "--data-dir", dir, "-A"}, "there is no cluster in " + dir},
		{[]string{"take", "--data-dir", dir, "db"}, "there is no cluster in " + dir},
		{[]string{"fly"}, "unknown command"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Setenv("KUBECONFIG", filepath.Join(dir, "none"))
			code, out, errs := run(t, test.args...)
			if code == 0 {
				t.Errorf("exit 0, and said %q", out)
			}
			if !strings.Contains(errs, test.want) {
				t.Errorf("got %q, want %q in it", errs, test.want)
			}
			if lines := strings.Count(strings.TrimSpace(errs), "\n") + 1; lines > 1 {
				t.Errorf("%d lines: %q", lines, errs)
			}
		})
	}
}

func TestTheFirstThingsThatOneTypesAreAnswered(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "ordinal up"}, {"--help", "ordinal up"}, {"help", "ordinal up"}, {"help up", "--domain"},
		{"--version", "ordinal version "}, {"version", "Kubernetes "},
	} {
		code, out, errs := run(t, strings.Fields(test.args)...)
		if code != 0 || errs != "" || !strings.Contains(out, test.want) {
			t.Errorf("ordinal %s: exit %d, %q and %q, want %q", test.args, code, out, errs, test.want)
		}
	}
}

func TestAsAPluginOfKubectlItAimsAtKubectlsCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	name := filepath.Join("/usr/local/bin", plugin.Binary)
	for args, want := range map[string]string{
		"status":      "kubectl ordinal: there is no cluster to speak to",
		"help":        "kubectl ordinal preflight",
		"down --help": "Stop",
		"version":     "kubectl-ordinal ",
	} {
		_, out, errs := runAs(t, name, strings.Fields(args)...)
		if !strings.Contains(out+errs, want) {
			t.Errorf("kubectl ordinal %s: %q and %q, want %q", args, out, errs, want)
		}
	}
}

func TestDownWithoutAClusterSaysSoAndMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	code, out, errs := run(t, "down", "--data-dir", dir)
	if code != 0 || !strings.Contains(out, "nothing to do") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the data directory was made")
	}
}

func TestPurgeAsksBeforeItDeletes(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	if err := os.WriteFile(l.VersionFile(), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := run(t, "down", "--purge", "--data-dir", l.Root)
	if code == 0 || !strings.Contains(errs, "--yes") {
		t.Errorf("without a terminal: exit %d, %q", code, errs)
	}
	if _, err := os.Stat(l.VersionFile()); err != nil {
		t.Errorf("data was deleted without a yes: %v", err)
	}
}

func TestKubeconfigIsMergedAndForgottenAgain(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	write := func(path, name, server string) {
		c := api.NewConfig()
		c.Clusters[name] = &api.Cluster{Server: server, CertificateAuthorityData: []byte("ca of " + name)}
		c.AuthInfos[name] = &api.AuthInfo{Token: "t"}
		c.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
		c.CurrentContext = name
		if err := clientcmd.WriteToFile(*c, path); err != nil {
			t.Fatal(err)
		}
	}
	users := filepath.Join(t.TempDir(), "config")
	write(users, "work", "https://work.test")
	write(l.Kubeconfig(), "ordinal", "https://127.0.0.1:6443")

	if err := mergeKubeconfig(l, users, true); err != nil {
		t.Fatal(err)
	}
	merged, err := clientcmd.LoadFromFile(users)
	if err != nil {
		t.Fatal(err)
	}
	if merged.CurrentContext != "ordinal" || merged.Clusters["work"] == nil || merged.Clusters["ordinal"] == nil {
		t.Errorf("after merging: current %q, clusters %v", merged.CurrentContext, merged.Clusters)
	}
	if info, err := os.Stat(users); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// The user works with another cluster when this one starts again by itself.
	write(users, "work", "https://work.test")
	if err := mergeKubeconfig(l, users, false); err != nil {
		t.Fatal(err)
	}
	if again, err := clientcmd.LoadFromFile(users); err != nil || again.CurrentContext != "work" || again.Contexts["ordinal"] == nil {
		t.Errorf("after merging again: %+v, %v", again, err)
	}

	if err := forgetKubeconfig(l, users)(); err != nil {
		t.Fatal(err)
	}
	left, err := clientcmd.LoadFromFile(users)
	if err != nil {
		t.Fatal(err)
	}
	if left.Clusters["ordinal"] != nil || left.CurrentContext == "ordinal" || left.Clusters["work"] == nil {
		t.Errorf("after forgetting: current %q, clusters %v", left.CurrentContext, left.Clusters)
	}
}

func TestTheKubeconfigIsThatOfWhoTypedTheCommand(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("SUDO_UID", "0")
	if got := userKubeconfig(); got != clientcmd.RecommendedHomeFile {
		t.Errorf("without sudo: %s", got)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SUDO_UID", nobody.Uid)
	want := filepath.Join(nobody.HomeDir, ".kube/config")
	if os.Geteuid() != 0 { // who is not root has not come through sudo, whatever the environment says
		want = clientcmd.RecommendedHomeFile
	}
	if got := userKubeconfig(); got != want {
		t.Errorf("through sudo: %s, want %s", got, want)
	}
	t.Setenv("KUBECONFIG", "/a:/b")
	if got := userKubeconfig(); got != "/a" {
		t.Errorf("with KUBECONFIG: %s", got)
	}
}

// A kubeconfig in somebody's home may be a link to where only root may write.
func TestWhatIsDoneForSomebodyIsDoneWithTheirRights(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o060); err != nil { // for root's group
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := (person{uid: 65534, gid: 65534}).become(); err != nil {
			done <- err
			return
		}
		_, err := os.ReadFile(secret)
		done <- err
	}()
	if err := <-done; err == nil {
		t.Error("somebody could read what is root's")
	}
	if _, err := os.ReadFile(secret); err != nil && os.Geteuid() == 0 {
		t.Errorf("root can do no more than somebody: %v", err)
	}
}

func TestImagesCanBeLoadedBeforeThereIsACluster(t *testing.T) {
	l := layout.Layout{Root: filepath.Join(t.TempDir(), "data")}
	if code, _, errs := run(t, "images", "--data-dir", l.Root); code != 0 {
		t.Fatal(errs)
	}
	if err := instance.Unused(l); err != nil {
		t.Errorf("a cluster cannot begin: %v", err)
	}
}

func TestADataDirectoryIsNamedWithoutSymbolicLinks(t *testing.T) {
	real, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(real, "later")
	for from, to := range map[string]string{"later": to, "beside": "later", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(filepath.Dir(link), from)); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"a": "x/y", "x/y/up": "../z"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(filepath.Dir(link), "x", "y"), 0o700), os.Symlink(to, filepath.Join(filepath.Dir(link), from))); err != nil {
			t.Fatal(err)
		}
	}
	beside := filepath.Join(filepath.Dir(link), "beside")
	loop := filepath.Join(filepath.Dir(link), "loop")
	for given, want := range map[string]string{
		beside: to, filepath.Join(beside, "x"): filepath.Join(to, "x"), loop: loop,
		filepath.Join(filepath.Dir(link), "a/up"): filepath.Join(filepath.Dir(link), "x/z"),
		link: real, filepath.Join(link, "to", "be", "made"): filepath.Join(real, "to", "be", "made"), "/": "/", "/nowhere/x": "/nowhere/x",
	} {
		if l, err := (&root{dataDir: given}).layout(); err != nil || l.Root != want {
			t.Errorf("%s: %s, %v; want %s", given, l.Root, err, want)
		}
	}
}

func TestWaitingForManyNamesAFew(t *testing.T) {
	for want, names := range map[string][]string{
		"etcd":            {"etcd"},
		"a, b":            {"a", "b"},
		"a, b and 2 more": {"a", "b", "c", "d"},
	} {
		if got := some(names); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheOlderFlagForNoControllerMeansTheSame(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", config.Ordinal},
		{"--no-controller", config.None},
		{"--no-controller=false", config.Ordinal},
		{"--statefulset-controller in-tree", config.InTree},
		{"--statefulset-controller none --no-controller", config.None},
		{"--statefulset-controller in-tree --no-controller", "contradict each other"},
		{"--statefulset-controller none --no-controller=false", "contradict each other"},
	} {
		o := upOptions{cfg: config.Default()}
		c := (&root{}).newUpWith(&o)
		if err := c.ParseFlags(strings.Fields(test.args)); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := o.complete(layout.Layout{Root: t.TempDir()}, c.Flags().Changed); err != nil {
			got = err.Error()
		} else {
			got = o.cfg.StatefulSetController
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("up %s: %s, want %s", test.args, got, test.want)
		}
	}
}

// `ordinal kubectl --kubeconfig FILE` is for another cluster, and needs none on this machine.
func TestKubectlMayBeForAnotherCluster(t *testing.T) {
	for args, want := range map[string]bool{
		"get pods":                            false,
		"--kubeconfig FILE get pods":          true,
		"get pods --kubeconfig=FILE":          true,
		"--server=https://10.0.0.1 get pods":  true,
		"get pods --context other":            true,
		"exec web-0 -- tool --context other":  false,
		"exec web-0 --context other -- tool ": true,
	} {
		if got := namesCluster(strings.Fields(args)); got != want {
			t.Errorf("kubectl %s: names a cluster: %t, want %t", args, got, want)
		}
	}
}
