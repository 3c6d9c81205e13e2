package controller

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
)

// Options are the controller's settings. Start from [DefaultOptions].
type Options struct {
	// LeaderElection lets several instances run of which one acts, and says in a ConfigMap
	// how each namespace stands, for `kubectl ordinal`.
	LeaderElection bool
	// Namespace is the controller's own: of the leader's lease, and of the record.
	Namespace string
	// Mode is fence.Fenced or fence.WholeCluster.
	Mode string
	// MetricsAddr and HealthAddr are host:port; empty serves nothing.
	MetricsAddr, HealthAddr string
	// QPS limits the requests a second; negative leaves limiting to the API
	// server's priority and fairness.
	QPS float32
	// Workers is how many sets are worked on at a time. Twice as many at first, and
	// up to four times as many, may keep others from beginning with a new generation.
	Workers int
	// Disabled switches improvements over the in-tree controller off.
	Disabled []plan.Feature
	// Logger takes all log lines; the zero value drops them.
	Logger logr.Logger
}

// DefaultOptions are right for a controller that is alone in its cluster.
func DefaultOptions() Options {
	return Options{Namespace: "kube-system", Mode: fence.WholeCluster, QPS: -1, Workers: 16}
}

// AddFlags makes flags of the options, with their present values as defaults.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.LeaderElection, "leader-elect", o.LeaderElection, "run several instances of which one acts")
	flags.StringVar(&o.Namespace, "namespace", o.Namespace, "the controller's own namespace, of the leader's lease and of the ConfigMap "+fence.RecordName)
	flags.StringVar(&o.Namespace, "leader-elect-namespace", o.Namespace, "the same")
	_ = flags.MarkDeprecated("leader-elect-namespace", "use --namespace")
	flags.StringVar(&o.Mode, "mode", o.Mode, fence.Fenced+": act in namespaces that are labelled, behind the fence that keeps the in-tree controller out; "+
		fence.WholeCluster+": act everywhere, where the in-tree controller is switched off")
	flags.StringVar(&o.MetricsAddr, "metrics-addr", o.MetricsAddr, "host:port to serve /metrics on; empty for nowhere")
	flags.StringVar(&o.HealthAddr, "health-addr", o.HealthAddr, "host:port to serve /healthz and /readyz on; empty for nowhere")
	flags.Float32Var(&o.QPS, "qps", o.QPS, "most API requests a second; negative for no limit but the server's own")
	flags.IntVar(&o.Workers, "workers", o.Workers, "how many StatefulSets to work on at a time")
	flags.Var((*featureList)(&o.Disabled), "disable", "improvements over the in-tree controller to switch off: "+plan.FeatureNames())
}

// validate returns an error that says what to write instead.
func (o *Options) validate() error {
	if o.Mode != fence.Fenced && o.Mode != fence.WholeCluster {
		return fmt.Errorf("mode is %q: choose %s or %s", o.Mode, fence.Fenced, fence.WholeCluster)
	}
	if o.Workers < 1 {
		return fmt.Errorf("workers is %d: at least 1 is needed", o.Workers)
	}
	if qps := float64(o.QPS); qps == 0 || math.IsNaN(qps) || math.IsInf(qps, 0) {
		return fmt.Errorf("qps is %v: give a limit, or -1 for none", qps)
	}
	return nil
}

// featureList is a flag that takes feature names, comma-separated or repeated.
type featureList []plan.Feature

func (l *featureList) String() string {
	names := make([]string, len(*l))
	for i, f := range *l {
		names[i] = string(f)
	}
	return strings.Join(names, ",")
}

func (l *featureList) Type() string { return "features" }

func (l *featureList) Set(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		feature := plan.Feature(strings.TrimSpace(name))
		if !slices.Contains(plan.Features(), feature) {
			return fmt.Errorf("there is no %q; choose from %s", name, plan.FeatureNames())
		}
		*l = append(*l, feature)
	}
	return nil
}
