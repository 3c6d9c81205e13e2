package plan

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// Names of hooks.
const (
	RoleHook     = "role"   // whose first word is a pod's role
	InSyncHook   = "inSync" // whether it has caught up
	HandOverHook = "handOver"
)

const (
	// answerHolds is how old an answer may be that a pod is taken down by.
	answerHolds = 10 * time.Second
	// askAgain is how long to wait before a pod is asked again that has said no.
	askAgain = 5 * time.Second
	// What a hook may take where the policy does not say.
	roleTimeout     = 5 * time.Second
	inSyncTimeout   = 5 * time.Minute
	handOverTimeout = time.Minute
	// oneQuestion is what one of the questions for inSync may take.
	oneQuestion = 10 * time.Second
)

// A HookCall is a hook that is to be run for a pod.
type HookCall struct {
	Name     string
	Pod      *corev1.Pod // in or against which it runs, as it was seen
	About    string      // the name of the pod that it is about, which may be gone, or yet to come
	UID      types.UID   // of that pod; of one that is yet to come, its name
	Revision string      // the one that is rolled out, with the pod's override; or what tells this time from others at which the pod leaves or joins
	// Of these one is set, with nothing left to fill in.
	Exec       *v1alpha1.ExecAction
	HTTPGet    *v1alpha1.HTTPAction
	HTTPPost   *v1alpha1.HTTPAction
	HTTPDelete *v1alpha1.HTTPAction
	Timeout    time.Duration
}

// String is the call in words that follow "run".
func (c *HookCall) String() string {
	text := fmt.Sprintf("hook %s for pod %s", c.Name, c.About)
	if c.Pod.Name != c.About {
		text += " in pod " + c.Pod.Name
	}
	return text
}

// TakesTime reports whether the hook may answer that it is not done yet, and is to be asked
// again: by exit code 75, EX_TEMPFAIL, or by status 202.
func (c *HookCall) TakesTime() bool {
	return c.Name == LeaveHook || c.Name == CancelHook || c.Name == JoinHook
}

// A HookRun is the last run of a hook for a pod.
type HookRun struct {
	UID            types.UID // of the pod that it is about
	In             types.UID // of the one in which it runs
	Name, Revision string    // as in the HookCall
	Began, Ended   time.Time // Ended is zero while it runs
	OK, NotYet     bool
	Output         string // of role the first word, and otherwise the last line
	// Since is when the first began of those in a row that were not OK.
	Since time.Time
	// Denied says that the controller may not run it.
	Denied bool
}

func (r *HookRun) runs() bool { return r.Ended.IsZero() }

// lastRun is the last run of a hook for a pod and the present roll-out, nil for none.
func (p *planner) lastRun(m *member, name string) *HookRun { return p.runOf(m, name, p.goalOf(m)) }

// runOf is the last run of a hook for a pod in a round, nil for none.
func (p *planner) runOf(m *member, name, round string) *HookRun {
	for i := range p.HookRuns {
		if r := &p.HookRuns[i]; r.UID == m.pod.UID && r.Name == name && r.Revision == round {
			return r
		}
	}
	return nil
}

// call plans to run a hook for the present roll-out.
func (p *planner) call(m *member, c HookCall, why string) { p.callFor(m, p.goalOf(m), c, why) }

// callFor plans to run a hook in a round.
func (p *planner) callFor(m *member, round string, c HookCall, why string) {
	c.Pod, c.About, c.UID, c.Revision = m.pod, m.name, m.pod.UID, round
	p.do(Action{Verb: RunHook, Object: m.pod, Hook: &c, Why: why})
}

// answer is what a pod answers to a question, if that began late enough. Without one it is
// asked, unless it is being asked, or has said no a moment ago.
func (p *planner) answer(m *member, c HookCall, notBefore time.Time, why string) *HookRun {
	r := p.lastRun(m, c.Name)
	if oldest := p.Now.Add(-answerHolds); notBefore.Before(oldest) {
		notBefore = oldest
	}
	switch {
	case r == nil:
	case r.runs():
		return nil
	case !r.OK && r.Ended.Add(askAgain).After(p.Now):
		p.lookAgain(r.Ended.Add(askAgain).Sub(p.Now))
		return r
	case r.OK && !r.Began.Before(notBefore):
		return r
	}
	p.call(m, c, why)
	return nil
}

// hookOf is the call for a hook of the policy, filled in for a pod.
func (p *planner) hookOf(name string, h *v1alpha1.Hook, m *member, to string, timeout time.Duration) HookCall {
	return HookCall{
		Name: name, Timeout: timeout,
		Exec: p.fillExec(h.Exec, m, to), HTTPGet: p.fillHTTP(h.HTTPGet, m, to), HTTPPost: p.fillHTTP(h.HTTPPost, m, to),
	}
}

func (p *planner) fillExec(e *v1alpha1.ExecAction, m *member, to string) *v1alpha1.ExecAction {
	if e == nil {
		return nil
	}
	filled := &v1alpha1.ExecAction{Container: cmp.Or(e.Container, p.Set.Spec.Template.Spec.Containers[0].Name)}
	for _, word := range e.Command {
		filled.Command = append(filled.Command, p.fill(word, m, to))
	}
	return filled
}

func (p *planner) fillHTTP(a *v1alpha1.HTTPAction, m *member, to string) *v1alpha1.HTTPAction {
	if a == nil {
		return nil
	}
	return &v1alpha1.HTTPAction{Scheme: cmp.Or(a.Scheme, "HTTP"), Port: a.Port, Path: p.fill(cmp.Or(a.Path, "/"), m, to)}
}

// fill puts the pod's names in the place of $(POD) and its like.
func (p *planner) fill(text string, m *member, to string) string {
	host := m.name
	if service := p.Set.Spec.ServiceName; service != "" {
		host = fmt.Sprintf("%s.%s.%s.svc", m.name, service, p.Set.Namespace)
	}
	return strings.NewReplacer("$(POD)", m.name, "$(ORDINAL)", strconv.Itoa(m.ordinal), "$(HOST)", host, "$(TO)", to).Replace(text)
}

// timeoutOf is the hook's timeout, or the default.
func timeoutOf(seconds *int32, standard time.Duration) time.Duration {
	if seconds == nil {
		return standard
	}
	return inSeconds(*seconds)
}

// said is what a hook printed last, to follow its state.
func (r *HookRun) said() string {
	if r == nil || r.Output == "" {
		return ""
	}
	return ": " + shorten(r.Output)
}
