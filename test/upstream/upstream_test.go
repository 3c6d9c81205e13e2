package upstream

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"k8s.io/kubernetes/test/e2e"
	_ "k8s.io/kubernetes/test/e2e/apps" // the tests
	"k8s.io/kubernetes/test/e2e/framework"
	"k8s.io/kubernetes/test/e2e/framework/config"
	_ "k8s.io/kubernetes/test/e2e/framework/debug/init"
	_ "k8s.io/kubernetes/test/e2e/framework/node/init"

	"ordinal.dev/ordinal/test/rig"
)

// What is run of upstream's tests, and how: arguments, for when they are not given.
var which = map[string]string{
	"ginkgo.focus":         `\[sig-apps\] StatefulSet `,
	"ginkgo.skip":          "CockroachDB", // its image is only to be had from a registry
	"ginkgo.silence-skips": "true",
	"ginkgo.no-color":      "true",
	"provider":             "skeleton",
	// What is printed is shown at once.
	"ginkgo.output-interceptor-mode": "none",
}

func TestMain(m *testing.M) {
	config.CopyFlags(config.Flags, flag.CommandLine)
	framework.RegisterCommonFlags(flag.CommandLine)
	framework.RegisterClusterFlags(flag.CommandLine)
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range which {
		if given[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			panic(err) // the flag is not there any more
		}
	}
	if reason := rig.Lacking(); reason != "" {
		fmt.Println("upstream: NOT RUN on this machine:", reason)
		return
	}
	code, err := rig.Alone(func(c rig.Cluster, _ rig.Machine) (int, error) { return testOn(c, m) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		code = 1
	}
	os.Exit(code)
}

// testOn starts the cluster, with the images that the tests name, and runs them.
func testOn(c rig.Cluster, m *testing.M) (int, error) {
	if *fenced {
		c.Flags = []string{"--statefulset-controller", "in-tree"}
	}
	if err := c.Up(); err != nil {
		return 0, err
	}
	archive := filepath.Join(c.Dir, "images.tar")
	if err := writeImages(archive); err != nil {
		return 0, err
	}
	if out, err := c.Try("load", archive); err != nil {
		return 0, fmt.Errorf("ordinal load: %w\n%s", err, out)
	}
	if *fenced {
		if err := (stage{c}).install(); err != nil {
			return 0, err
		}
	}
	// The tests want one program for kubectl, and no arguments.
	kubectl := filepath.Join(c.Dir, "kubectl")
	if err := os.WriteFile(kubectl, []byte("#!/bin/sh\nexec '"+c.Binary+"' kubectl --data-dir '"+c.Dir+"' \"$@\"\n"), 0o700); err != nil {
		return 0, err
	}
	framework.TestContext.KubectlPath = kubectl
	framework.TestContext.KubeConfig = filepath.Join(c.Dir, "kubeconfig")
	framework.AfterReadingAllFlags(&framework.TestContext) // after which nodes are kept
	ginkgo.ReportAfterEach(tell)
	code := m.Run()
	if *fenced {
		return code, errors.Join(stage{c}.tellDenied(), stage{c}.giveBack())
	}
	return code, nil
}

// tell prints a line for a test, since they take half a minute on average.
func tell(test ginkgo.SpecReport) {
	if test.State != types.SpecStateSkipped {
		fmt.Printf(" %s in %s: %s\n", test.State, test.RunTime.Round(time.Second), test.LeafNodeText)
	}
}

func TestStatefulSet(t *testing.T) { e2e.RunE2ETests(t) }
