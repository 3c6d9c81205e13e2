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
	code, err := rig.Alone(func(c rig.Cluster, before rig.Machine) (int, error) {
		lab, untouched = c, before
		return testOn(m)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// callFilter is a switch of the kernel's that is off on most machines. With it packets from
// pod to pod are tracked; without, connections to ClusterIPs must not depend on that.
const callFilter = "/proc/sys/net/bridge/bridge-nf-call-iptables"

// testOn starts the cluster, with what the tests run, and runs them.
func testOn(m *testing.M) (int, error) {
	fmt.Println("e2e: starting a cluster in", lab.Dir)
	if before, err := os.ReadFile(callFilter); err == nil {
		defer os.WriteFile(callFilter, before, 0o644)
		if err := os.WriteFile(callFilter, []byte("0"), 0o644); err != nil {
			return 0, err
		}
	}
	if err := lab.Up("my-image", "my-image:2"); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
