package preflight

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"ordinal.dev/ordinal/internal/fence"
)

// oldest is the first Kubernetes whose admission policies are on by default.
var oldest = version.MustParseGeneric("1.30.0")

// A Trace is an object that a StatefulSet controller has made for the trial's set.
type Trace struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	By   string `json:"by,omitempty"` // the field manager that made it
}

func (t Trace) String() string { return t.Kind + " " + t.Name }

// Observations are what was seen, in the order of the trial, which ends with what rules the
// fence out.
type Observations struct {
	Version string // of the API server
	Served  bool   // it serves admission policies
	// PolicyRefused are its words where it did not accept the policy.
	PolicyRefused string
	// NoImpersonation are its words where it did not let anybody act as the account.
	NoImpersonation string
	// Barred are its words where the account may not create pods at all.
	Barred string
	// InForce is set if what the account writes was refused by the policy; if not, Said is
	// what the API server said instead.
	InForce bool
	Said    string
	Behind  []Trace       // made behind the fence
	Beyond  []Trace       // made after it was lifted
	After   time.Duration // how long after
	// Failed is what the in-tree controller said instead of making a pod, empty for nothing.
	Failed string
}

// Results of a trial.
const (
	Holds           = "Holds"
	TooOld          = "TooOld"
	NotServed       = "PoliciesNotServed"
	PolicyRefused   = "PolicyRefused"
	NoImpersonation = "ImpersonationRefused"
	NotInForce      = "PolicyNotInForce"
	OtherAccount    = "OtherAccount"
	Barred          = "AccountBarred"
	NoController    = "NoInTreeController"
)

// A Verdict is what follows.
type Verdict struct {
	Holds    bool   `json:"holds"`
	Result   string `json:"result"`
	Sentence string `json:"sentence"`
	Advice   string `json:"advice,omitempty"` // what to do instead
	// Made is what the in-tree controller made when the fence was lifted.
	Made []Trace `json:"made,omitempty"`
}

const (
	switchOff = "The way that is left is mode whole-cluster, with the in-tree controller switched off: kube-controller-manager --controllers=*,-statefulset-controller"
	emptyRole = switchOff + "; or, where nobody can set that, with the ClusterRole system:controller:statefulset-controller emptied"
	justRun   = "Install Ordinal in mode whole-cluster; it needs no fence here"
)

// Judge says what follows from what was seen.
func Judge(o Observations) Verdict {
	no := func(result, advice, format string, args ...any) Verdict {
		return Verdict{Result: result, Sentence: fmt.Sprintf("The fence cannot hold in this cluster: "+format, args...), Advice: advice}
	}
	switch v, err := version.ParseGeneric(o.Version); {
	case !o.Served && err == nil && v.LessThan(oldest):
		return no(TooOld, emptyRole, "it is Kubernetes %s, and admission policies are in it from 1.30 on", o.Version)
	case !o.Served:
		return no(NotServed, emptyRole, "its API server, of Kubernetes %s, does not serve admission policies (admissionregistration.k8s.io/v1)", o.Version)
	case o.PolicyRefused != "":
		return no(PolicyRefused, emptyRole, "its API server does not accept the policy: %s", o.PolicyRefused)
	case o.NoImpersonation != "":
		return no(NoImpersonation, emptyRole, "its API server lets nobody act as %s, so that the fence cannot be proven: %s", fence.Account, o.NoImpersonation)
	case len(o.Behind) > 0:
		return no(OtherAccount, switchOff, "its in-tree StatefulSet controller does not act as %s. %s behind the fence; kube-controller-manager has to run with --use-service-account-credentials", fence.Account, made(o.Behind))
	case o.Barred != "" && len(o.Beyond) == 0:
		return Verdict{Result: Barred, Sentence: "Nothing acts as the in-tree StatefulSet controller in this cluster, and its account could not write: " + o.Barred, Advice: justRun}
	case !o.InForce:
		return no(NotInForce, emptyRole, "what %s writes is not refused though the policy is there: %s", fence.Account, o.Said)
	case len(o.Beyond) == 0:
		return Verdict{Result: NoController, Sentence: "No in-tree StatefulSet controller acts in this cluster: a set got neither revision nor pod, with no fence in the way", Advice: justRun}
	}
	v := Verdict{Holds: true, Result: Holds, Made: o.Beyond}
	v.Sentence = fmt.Sprintf("The fence can hold in this cluster: behind it the in-tree StatefulSet controller made nothing, and %.1f s after it was lifted, %s", o.After.Seconds(), lower(made(o.Beyond)))
	if o.Failed != "" {
		v.Sentence += ". It made no pod for another reason, which has nothing to do with the fence: " + o.Failed
	}
	return v
}

// made says who made what.
func made(traces []Trace) string {
	by, words := "Somebody", make([]string, len(traces))
	for i, t := range traces {
		words[i] = t.String()
		if t.By != "" {
			by = t.By
		}
	}
	return by + " made " + strings.Join(words, " and ")
}

func lower(words string) string { return strings.ToLower(words[:1]) + words[1:] }
