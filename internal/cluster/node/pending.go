package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// tellAfter is how long pods may take to stop before it is told which do.
	tellAfter = 3 * time.Second
	// tellEvery is how often it is told again.
	tellEvery = 30 * time.Second
)

// pending are the pods that have not stopped yet. What is left of one that has ended is
// none: the kubelet keeps its last sandbox for a while.
type pending struct {
	mu   sync.Mutex
	pods map[*runningPod]bool
}

func newPending(pods []*runningPod) *pending {
	l := &pending{pods: map[*runningPod]bool{}}
	for _, p := range pods {
		if len(p.containers) > 0 || p.sandbox.State == runtimeapi.PodSandboxState_SANDBOX_READY {
			l.pods[p] = true
		}
	}
	return l
}

// last is who may take longest; nil if all have stopped.
func (l *pending) last() (last *runningPod) {
	for p := range l.pods {
		if last == nil || p.until.After(last.until) || p.until.Equal(last.until) && p.name() < last.name() {
			last = p
		}
	}
	return last
}

// begin says what begins; "" if no pod runs.
func (l *pending) begin(now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := ""
	switch n := len(l.pods); n {
	case 0:
		return ""
	case 1:
		said = "stopping 1 pod"
	default:
		said = fmt.Sprintf("stopping %d pods", n)
	}
	if last := l.last(); last.until.Sub(now) > defaultGrace {
		said += fmt.Sprintf("; pod %s may take until %s", last.name(), last.until.Format(time.TimeOnly))
	}
	return said
}

// stopped takes a pod out, and says so; "" if it did not run.
func (l *pending) stopped(p *runningPod) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.pods[p] {
		return ""
	}
	delete(l.pods, p)
	return fmt.Sprintf("stopped pod %s, %d to go", p.name(), len(l.pods))
}

// waiting says who is waited for, and until when; "" if nobody is.
func (l *pending) waiting() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last()
	if last == nil {
		return ""
	}
	others := ""
	if n := len(l.pods) - 1; n > 0 {
		others = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("waiting for pod %s%s, until %s at most", last.name(), others, last.until.Format(time.TimeOnly))
}

// tell reports from time to time who is waited for, until ctx ends.
func (l *pending) tell(ctx context.Context, report func(string)) {
	timer := time.NewTimer(tellAfter)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		report(l.waiting())
		timer.Reset(tellEvery)
	}
}
