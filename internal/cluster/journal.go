package cluster

import (
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
	"ordinal.dev/ordinal/internal/version"
)

// journal keeps the state file true, and tells a listener of each change.
type journal struct {
	layout layout.Layout
	report func(instance.State)
	log    logr.Logger

	mu    sync.Mutex
	state instance.State
}

func newJournal(l layout.Layout, log logr.Logger, report func(instance.State)) *journal {
	return &journal{layout: l, report: report, log: log, state: instance.State{
		PID: os.Getpid(), Version: version.Ordinal(), Phase: instance.Starting, StartedAt: time.Now(),
	}}
}

// set changes the state and publishes it.
func (j *journal) set(change func(*instance.State)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.state)
	// The state is what people are shown, not what the cluster runs on: a
	// full disk must not stop it.
	if err := instance.Write(j.layout, j.state); err != nil {
		j.log.Error(err, "the state file cannot be written; `ordinal status` will be behind")
	}
	if j.report != nil {
		j.report(j.state)
	}
}

// part records what the supervisor says of a part.
func (j *journal) part(e supervisor.Event) {
	j.set(func(s *instance.State) {
		p := find(s, e.Part)
		if e.Phase == supervisor.Ready {
			p.ReadyIn = e.At.Sub(p.Since)
		}
		p.Phase, p.Since, p.Detail = string(e.Phase), e.At, ""
		if e.Phase == supervisor.Stopped && s.Phase == instance.Stopping {
			s.Progress = append(s.Progress, instance.Done("stopped "+e.Part))
		}
		if e.Err != nil {
			p.Detail = e.Err.Error()
			j.log.Error(e.Err, "a part of the cluster does not work", "part", e.Part)
		}
	})
}

// say records what is being done about the stop.
func (j *journal) say(what string) {
	j.log.Info("Stopping", "progress", what)
	j.set(func(s *instance.State) { s.Progress = append(s.Progress, instance.Doing(what)) })
}

func find(s *instance.State, name string) *instance.Part {
	for i := range s.Parts {
		if s.Parts[i].Name == name {
			return &s.Parts[i]
		}
	}
	s.Parts = append(s.Parts, instance.Part{Name: name})
	return &s.Parts[len(s.Parts)-1]
}
