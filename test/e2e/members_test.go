package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// members has each join and each leave counted by the first pod: by a request to it, and by a
// command in the pod that leaves.
const members = `{"spec":{"scaling":{
	"join": {"httpPost": {"port": 8080, "path": "/count"}},
	"leave": {"exec": {"command": ["counter", "post", "http://led-0.led:8080/count"]}}}}}`

// A pod that comes back is neither, and a leader hands over before it leaves.
func TestMembersJoinAndLeaveOnce(t *testing.T) {
	s := ledScene(t)
	s.kubectl("patch", "stsp", "led", "--type=merge", "-p", members)
	s.Forget()
	s.kubectl("scale", "sts/led", "--replicas=4")
	s.Happens("led-3 created", "led-3 ready")
	s.counted(1 + 1)

	s.kubectl("delete", "pod", "led-3")
	s.Happens("led-3 stopping", "led-3 gone", "led-3 created", "led-3 ready")
	s.counted(1 + 1)

	s.inPod("led-0", "post", "http://localhost:8080/hand-over?to=led-3")
	s.kubectl("scale", "sts/led", "--replicas=3")
	s.Happens("led-3 stopping", "led-3 gone")
	s.led("led-0")
	s.counted(1 + 1 + 1)
	s.kubectl("rollout", "status", "sts/led", "--timeout=30s")
	s.poll(func() error {
		told := s.kubectl("get", "events", "-o", "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}")
		for _, words := range []string{"led-3 joins, because ordinal 3 is new", "because it has handed over", "led-3 leaves for good, because the set wants ordinals 0 to 2"} {
			if strings.Count(told, words) != 1 {
				return fmt.Errorf("%q is told %d times: %s", words, strings.Count(told, words), told)
			}
		}
		return nil
	})
	s.NothingElseHappened()
}

// counted checks how often the first pod has been asked.
func (s *scene) counted(want uint64) {
	s.Helper()
	if got := s.count("led-0"); got != want {
		s.Errorf("led-0 has counted to %d, want %d", got, want)
	}
}
