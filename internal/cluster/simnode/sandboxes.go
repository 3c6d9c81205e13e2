package simnode

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// sandboxes remembers what a container runtime would: the address of every
// pod and the moment its containers started. It is rebuilt from the statuses
// of the pods, so that losing it loses no more than fractions of a second.
type sandboxes struct {
	mu    sync.Mutex
	pods  map[types.UID]*sandbox
	inUse map[netip.Addr]bool
	next  map[string]uint64 // by node: where to look for a free address
}

type sandbox struct {
	ip      netip.Addr
	started time.Time
}

func newSandboxes() *sandboxes {
	return &sandboxes{
		pods:  map[types.UID]*sandbox{},
		inUse: map[netip.Addr]bool{},
		next:  map[string]uint64{},
	}
}

// adopt takes over the sandbox that the pod's status tells of, if any.
func (s *sandboxes) adopt(pod *corev1.Pod) {
	ip, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil || ended(pod.Status.Phase) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pods[pod.UID] != nil {
		return
	}
	s.pods[pod.UID] = &sandbox{ip: ip, started: startedAt(pod)}
	if !pod.Spec.HostNetwork {
		s.inUse[ip] = true
	}
}

// start returns the pod's sandbox, made if it has none. Containers that do
// not run by the pod's status start now.
func (s *sandboxes) start(pod *corev1.Pod, n node, now time.Time) (sandbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	box := s.pods[pod.UID]
	if box == nil {
		ip, err := s.address(pod, n)
		if err != nil {
			return sandbox{}, err
		}
		box = &sandbox{ip: ip}
		s.pods[pod.UID] = box
	}
	if startedAt(pod).IsZero() {
		box.started = now
	}
	return *box, nil
}

// address is what the pod's status says, if anything. Otherwise it picks the next
// free address, so that one just released is not handed out again at once.
func (s *sandboxes) address(pod *corev1.Pod, n node) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(pod.Status.PodIP); err == nil {
		return ip, nil
	}
	if pod.Spec.HostNetwork {
		return netip.ParseAddr(n.hostIP)
	}
	for range n.pods.size {
		ip := offset(n.pods.first, s.next[n.name]%n.pods.size)
		s.next[n.name]++
		if !s.inUse[ip] {
			s.inUse[ip] = true
			return ip, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("node %s has no address left for pod %s/%s", n.name, pod.Namespace, pod.Name)
}

// remove releases the pod's address.
func (s *sandboxes) remove(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if box := s.pods[pod.UID]; box != nil {
		delete(s.pods, pod.UID)
		delete(s.inUse, box.ip)
	}
}

// startedAt is when the last of the pod's containers started by its status; zero unless all
// of them run.
func startedAt(pod *corev1.Pod) time.Time {
	var last time.Time
	for _, c := range pod.Status.ContainerStatuses {
		switch {
		case c.State.Running == nil:
			return time.Time{}
		case c.State.Running.StartedAt.After(last):
			last = c.State.Running.StartedAt.Time
		}
	}
	return last
}
