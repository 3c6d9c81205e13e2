package e2e

import (
	"fmt"
	"os"
	"testing"

	"ordinal.dev/ordinal/test/rig"
)

// lab is the cluster under test, and untouched the machine before it started.
// They are set before the first test runs and not after.
var (
	lab       rig.Cluster
	untouched rig.Machine
)

func TestMain(m *testing.M) {
	if reason := rig.Lacking(); reason != "" {
		fmt.Println("e2e: NOT RUN on this machine:", reason)
		return
	}
	code, err := runWithCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runWithCluster(m *testing.M) (code int, err error) {
	binary, err := rig.Binary()
	if err != nil {
		return 0, err
	}
	goOn, err := rig.SetAside(binary)
	if err != nil {
		return 0, err
	}
	defer goOn()

	dir, err := os.MkdirTemp("", "ordinal-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if untouched, err = rig.Look(dir); err != nil {
		return 0, err
	}
	lab = rig.Cluster{Binary: binary, Dir: dir}
	rig.OnInterrupt(func() { _, _ = lab.Try("down"); goOn() })
	code, err = testOn(m)
	if _, downErr := lab.Try("down"); downErr != nil && err == nil {
		err = downErr
	}
	if err != nil {
		return 0, err
	}
	return code, untouched.NothingLeft(dir)
}

// testOn starts the cluster, with what the tests run, and runs them.
func testOn(m *testing.M) (int, error) {
	fmt.Println("e2e: starting a cluster in", lab.Dir)
	if err := lab.Up("my-image", "my-image:2"); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
