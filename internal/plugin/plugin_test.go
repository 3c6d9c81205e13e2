package plugin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// api serves a cluster by the objects at paths, and what else it is asked for is not there.
func serve(t *testing.T, objects map[string]any) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		object, has := objects[r.URL.Path]
		if !has {
			w.WriteHeader(http.StatusNotFound)
			object = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound}
		}
		if err := json.NewEncoder(w).Encode(object); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	config := api.NewConfig()
	config.Clusters["test"] = &api.Cluster{Server: server.URL}
	config.Contexts["test"] = &api.Context{Cluster: "test", Namespace: "here"}
	config.CurrentContext = "test"
	file := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
}

func resources(version string, kinds ...string) map[string]any {
	list := map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version}
	var all []map[string]any
	for _, kind := range kinds {
		name, kind, namespaced := strings.ToLower(strings.TrimPrefix(kind, "/")), strings.TrimPrefix(kind, "/"), !strings.HasPrefix(kind, "/")
		plural := name + "s"
		if strings.HasSuffix(name, "y") {
			plural = strings.TrimSuffix(name, "y") + "ies"
		}
		if strings.HasSuffix(name, "s") {
			plural = name + "es"
		}
		all = append(all, map[string]any{"name": plural, "kind": kind, "namespaced": namespaced, "verbs": []string{"get", "list"}})
	}
	list["resources"] = all
	return list
}

// withSets is a cluster without Ordinal, with a namespace and a set.
func withSets() map[string]any {
	groups := []any{
		map[string]any{"name": "apps", "versions": []any{map[string]any{"groupVersion": "apps/v1", "version": "v1"}}},
		map[string]any{"name": "storage.k8s.io", "versions": []any{map[string]any{"groupVersion": "storage.k8s.io/v1", "version": "v1"}}},
		map[string]any{"name": "admissionregistration.k8s.io", "versions": []any{map[string]any{"groupVersion": "admissionregistration.k8s.io/v1", "version": "v1"}}},
	}
	meta := map[string]any{"name": "web", "namespace": "here"}
	set := map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": map[string]any{
		"selector": map[string]any{"matchLabels": map[string]any{"app": "web"}},
		"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "web"}}},
	}}
	list := func(kind string, items ...any) map[string]any {
		return map[string]any{"kind": kind + "List", "apiVersion": "v1", "items": items}
	}
	return map[string]any{
		"/api":                                   map[string]any{"kind": "APIVersions", "versions": []string{"v1"}},
		"/apis":                                  map[string]any{"kind": "APIGroupList", "groups": groups},
		"/api/v1":                                resources("v1", "/Namespace", "/PersistentVolume", "Pod", "ConfigMap", "Event"),
		"/apis/apps/v1":                          resources("apps/v1", "StatefulSet", "ControllerRevision"),
		"/version":                               map[string]any{"gitVersion": "v1.29.4", "major": "1", "minor": "29"},
		"/api/v1/namespaces":                     list("Namespace", map[string]any{"metadata": map[string]any{"name": "here"}}),
		"/api/v1/configmaps":                     list("ConfigMap"),
		"/api/v1/namespaces/here":                map[string]any{"kind": "Namespace", "apiVersion": "v1", "metadata": map[string]any{"name": "here"}},
		"/api/v1/namespaces/here/pods":           list("Pod"),
		"/api/v1/namespaces/here/events":         list("Event"),
		"/api/v1/persistentvolumes":              list("PersistentVolume"),
		"/apis/storage.k8s.io/v1":                resources("storage.k8s.io/v1", "/StorageClass"),
		"/apis/storage.k8s.io/v1/storageclasses": map[string]any{"kind": "StorageClassList", "apiVersion": "storage.k8s.io/v1", "items": []any{}},
		"/apis/apps/v1/namespaces/here/statefulsets":        map[string]any{"kind": "StatefulSetList", "apiVersion": "apps/v1", "items": []any{set}},
		"/apis/apps/v1/namespaces/here/statefulsets/web":    set,
		"/apis/apps/v1/namespaces/here/controllerrevisions": map[string]any{"kind": "ControllerRevisionList", "apiVersion": "apps/v1", "items": []any{}},
		"/apis/admissionregistration.k8s.io/v1":             resources("admissionregistration.k8s.io/v1", "/ValidatingWebhookConfiguration"),
	}
}

func TestCommandsOnAClusterWithoutOrdinal(t *testing.T) {
	serve(t, withSets())
	for _, test := range []struct {
		args string
		code int
		out  string // in what is printed
		err  string // in the sentence of an error
	}{
		{"version", 0, "kubectl-ordinal ", ""},
		{"status", 1, "Ordinal is not installed in this cluster; install it with: helm install", ""},
		{"status -o json", 1, `"installed": false`, ""},
		{"status sts/web", 0, "StatefulSet web in namespace here: not Ordinal's.", ""},
		{"status sts/none", 1, "", "there is no StatefulSet none in namespace here"},
		{"status -n none", 1, "", "there is no namespace none"},
		{"status -o xml", 1, "", "-o xml is not known: use json or yaml"},
		{"plan sts/web", 0, "create pod web-0", ""},
		{"plan sts/web --replicas 1", 2, "1. revision web-", ""},
		{"plan sts/web --replicas 1 -o json", 2, `"verb": "create"`, ""},
		{"plan sts/web --replicas -1", 1, "", "--replicas is less than 0"},
		{"plan sts/web --image app=app:2", 1, "", "sts/web has no container app"},
		{"plan sts/web --image app", 1, "", "write CONTAINER=IMAGE"},
		{"plan sts/none --replicas 1", 1, "", "there is no StatefulSet none in namespace here"},
		{"plan sts/web -o json", 1, "", "use it with -f, --replicas or --image"},
		{"plan -f web.yaml sts/web", 1, "", "leave one of them out"},
		{"plan -f web.yaml --replicas 1", 1, "", "use them with sts/NAME, without -f"},
		{"plan -f nowhere.yaml", 1, "", "there is no file nowhere.yaml"},
		{"plan", 1, "", "name a StatefulSet, sts/NAME, or a manifest, -f FILE"},
		{"plan pod/web-0", 1, "", `"pod/web-0" is not a StatefulSet: write sts/NAME`},
		{"remove sts/web", 1, "", `"sts/web" is not a pod: write pod/NAME`},
		{"remove pod/web", 1, "", `"pod/web" is no pod of a StatefulSet: their names end in an ordinal, such as pod/web-1`},
		{"remove pod/none-0", 1, "", "pod none-0 is not one of a StatefulSet"},
		{"remove pod/web-7 --yes", 1, "", "StatefulSet web has no pod web-7"},
		{"remove", 1, "", "accepts 1 arg"},
		{"rebuild pod/web-7", 1, "", "StatefulSet web has no pod web-7"},
		{"rebuild pod/web-0", 1, "", "pod web-0 has no claims, so there is nothing to rebuild: kubectl delete pod web-0 makes it anew"},
		{"watch sts/web --timeout 300ms", 1, "", "not complete after"},
		{"take here --dry-run", 0, "Now it could not be taken: there is no Ordinal in this cluster", ""},
		{"take here --dry-run -o yaml", 0, "revisions:", ""},
		{"take here", 1, "", "there is no Ordinal in this cluster; install it with"},
		{"take here -o json", 1, "", "use it with --dry-run"},
		{"take", 1, "", "requires at least 1 arg"},
		{"give-back", 1, "", "name what to give back"},
		{"give-back --all", 1, "", "if that is meant, add --yes"},
		{"give-back --all --yes", 0, "nothing to give back", ""},
		{"give-back here", 0, "namespace here: not Ordinal's, nothing to give back", ""},
		{"give-back sts/web --all", 1, "", `--all beside "sts/web"`},
		{"preflight", 1, "it is Kubernetes v1.29.4, and admission policies are in it from 1.30 on", ""},
		{"__complete take", 0, "here\n", ""},
		{"__complete take -n here", 0, "sts/web\n", ""},
		{"__complete watch", 0, "sts/web\n", ""},
		{"completion bash", 0, "complete -o default -F __start_kubectl-ordinal kubectl-ordinal", ""},
		{"completion zsh", 0, "#compdef kubectl-ordinal", ""},
		{"completion fish", 0, "complete -c kubectl-ordinal", ""},
		{"complete-for-kubectl", 0, "exec kubectl-ordinal __complete \"$@\"\n", ""},
		{"fly", 1, "", "unknown command"},
	} {
		t.Run(test.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			args := strings.Fields(test.args)
			if args[0] == "__complete" {
				args = append(args, "") // what is typed so far
			}
			code := Run(t.Context(), args, os.Stdin, &out, &errs)
			if code != test.code || !strings.Contains(out.String(), test.out) || !strings.Contains(errs.String(), test.err) {
				t.Errorf("exit %d, want %d, with %q and %q;\nout:\n%s\nerr:\n%s", code, test.code, test.out, test.err, &out, &errs)
			}
			if lines := strings.Count(errs.String(), "\n"); lines > 1 && test.code != 0 {
				t.Errorf("%d lines for a mistake: %q", lines, &errs)
			}
		})
	}
}

func TestAClusterThatIsNotThereIsOneSentence(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for _, command := range []string{"status", "preflight", "take db", "plan sts/web"} {
		var out, errs bytes.Buffer
		if code := Run(t.Context(), strings.Fields(command), os.Stdin, &out, &errs); code != 1 || !strings.Contains(errs.String(), "no kubeconfig names one") || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%s: exit %d, %q, %q", command, code, &out, &errs)
		}
	}
}

func TestAClusterThatOrdinalIsAPartOfNeedsNoRecord(t *testing.T) {
	serve(t, withSets())
	for _, ours := range []bool{true, false} {
		var out bytes.Buffer
		c := Root(Env{Out: &out, Err: &out, Program: "ordinal", Aim: func(*genericclioptions.ConfigFlags) (bool, error) { return ours, nil }})
		c.SetArgs([]string{"status", "sts/web"})
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "Ordinal's, as all sets of this cluster"); got != ours {
			t.Errorf("ours: %t, and said:\n%s", ours, &out)
		}
	}
}
