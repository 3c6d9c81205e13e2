package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/rights"
	"ordinal.dev/ordinal/internal/plugin/terminal"
)

const (
	lookEvery = 500 * time.Millisecond
	// refusedFor is for how long every probe has to be refused before the policy counts as
	// in force: several API servers load it at different times.
	refusedFor = 5 * time.Second
	// behindFor is how long the in-tree controller has to make something behind the fence.
	// It takes a tenth of a second where it can.
	behindFor = 10 * time.Second
	// touchEvery is how often the set is touched once the fence is lifted: what was refused
	// before, the in-tree controller tries again by itself after minutes only.
	touchEvery = 2 * time.Second
)

// A Trial is one try in one cluster.
type Trial struct {
	Client client.Client // the person's
	// Account acts as the in-tree controller's account, and reaches whichever API server
	// there is anew with each request.
	Account client.Client
	// Server says the API server's version, and whether it serves admission policies.
	Server func() (version string, served bool, err error)
	Screen *terminal.Screen
	// Patience is how long the policy may take to be in force, and the in-tree controller
	// to make something once it is not.
	Patience time.Duration

	made []client.Object // to be removed, the last first
	seen Observations
}

// errInterrupted is of a trial that the person ended.
var errInterrupted = errors.New("interrupted")

// errEnds ends a trial with what was seen so far.
var errEnds = errors.New("the trial has its verdict")

// Run makes the trial, and removes what it has made.
func (t *Trial) Run(ctx context.Context) (Verdict, error) {
	err := t.try(ctx)
	if left := t.clean(ctx); left != nil {
		err = errors.Join(left, ignore(err))
		return Verdict{}, err
	}
	if ignore(err) != nil {
		return Verdict{}, err
	}
	return Judge(t.seen), nil
}

func ignore(err error) error {
	if errors.Is(err, errEnds) {
		return nil
	}
	return err
}

func (t *Trial) try(ctx context.Context) error {
	for _, step := range []func(context.Context) error{t.lookAtServer, t.askForRights, t.sweep, t.raise, t.prove, t.waitBehind, t.lift} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *Trial) lookAtServer(context.Context) error {
	var err error
	if t.seen.Version, t.seen.Served, err = t.Server(); err != nil {
		return fmt.Errorf("the cluster cannot be reached: %w", err)
	}
	if !t.seen.Served {
		return errEnds
	}
	t.Screen.Say(fmt.Sprintf("✓ Kubernetes %s serves admission policies", t.seen.Version))
	return nil
}

// askForRights asks for all that the trial needs at once.
func (t *Trial) askForRights(ctx context.Context) error {
	const policies, core, apps = "admissionregistration.k8s.io", "", "apps"
	needed := []rights.Right{{Verb: "impersonate", Resource: "serviceaccounts", Namespace: fence.AccountNamespace, Name: fence.AccountName}}
	for _, r := range []struct{ group, resource, verbs string }{
		{core, "namespaces", "create get list delete"},
		{policies, "validatingadmissionpolicies", "create list delete"},
		{policies, "validatingadmissionpolicybindings", "create list delete"},
		{apps, "statefulsets", "create patch"},
		{apps, "controllerrevisions", "list"},
		{core, "pods", "list"},
	} {
		for verb := range strings.SplitSeq(r.verbs, " ") {
			needed = append(needed, rights.Right{Verb: verb, Group: r.group, Resource: r.resource})
		}
	}
	if err := rights.Need(ctx, t.Client, needed...); err != nil {
		return err
	}
	t.Screen.Say("✓ this user has the rights that a trial needs")
	return nil
}

// raise makes the namespace, and a fence around it.
func (t *Trial) raise(ctx context.Context) error {
	if err := t.Client.Create(ctx, whole(), client.DryRunAll); err != nil {
		return t.policyRefused(err)
	}
	n := namespace()
	if err := t.make(ctx, n); err != nil {
		return fmt.Errorf("making a namespace for the trial: %w", err)
	}
	p := policy()
	if err := t.make(ctx, p); err != nil {
		return t.policyRefused(err)
	}
	if err := t.make(ctx, binding(p.Name, n.Name)); err != nil {
		return t.policyRefused(err)
	}
	t.Screen.Say(fmt.Sprintf("✓ namespace %s is made, with a policy that counts in it alone", n.Name))
	return nil
}

// policyRefused is how a trial goes on that must not make its policy.
func (t *Trial) policyRefused(err error) error {
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		return fmt.Errorf("making a policy for the trial: %w", err)
	}
	t.seen.PolicyRefused = err.Error()
	return errEnds
}

// waitBehind makes the set, and gives the in-tree controller time to break the fence.
func (t *Trial) waitBehind(ctx context.Context) error {
	if err := t.Client.Create(ctx, set(t.namespace())); err != nil {
		return fmt.Errorf("making a StatefulSet for the trial: %w", err)
	}
	began := time.Now()
	return t.poll(ctx, behindFor+lookEvery, func() (bool, error) {
		traces, err := t.traces(ctx)
		if err != nil || len(traces) > 0 {
			t.seen.Behind = traces
			return true, cmpErr(err, errEnds)
		}
		if time.Since(began) >= behindFor {
			t.Screen.Say(fmt.Sprintf("✓ no pod and no revision of a set appeared behind the fence in %.0f s", behindFor.Seconds()))
			return true, nil
		}
		t.Screen.Wait(fmt.Sprintf("a set is behind the fence, and must stay without pod and revision for %.0f s", behindFor.Seconds()))
		return false, nil
	})
}

// lift takes the fence away, and waits for what the in-tree controller makes then.
func (t *Trial) lift(ctx context.Context) error {
	if err := t.unbind(ctx); err != nil {
		return fmt.Errorf("lifting the fence: %w", err)
	}
	began := time.Now()
	var touched time.Time
	return t.poll(ctx, t.Patience, func() (bool, error) {
		if time.Since(touched) >= touchEvery {
			touched = time.Now()
			if err := t.touch(ctx); err != nil {
				return true, err
			}
		}
		traces, err := t.traces(ctx)
		if err != nil {
			return true, err
		}
		if len(traces) > len(t.seen.Beyond) {
			t.seen.Beyond, t.seen.After = traces, time.Since(began)
		}
		if len(traces) == 2 {
			t.Screen.Say("✓ the fence was lifted, and " + lower(made(traces)))
			return true, nil
		}
		if len(traces) == 1 && time.Since(began) > behindFor {
			if t.seen.Failed = t.complaint(ctx); t.seen.Failed != "" {
				return true, nil
			}
		}
		t.Screen.Wait("the fence is lifted, and the in-tree controller is to make a revision and a pod")
		return false, nil
	})
}

// touch changes nothing but an annotation of the set, so that its controller looks at it.
func (t *Trial) touch(ctx context.Context) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, Label, time.Now().Format(time.RFC3339Nano))
	s := &appsv1.StatefulSet{}
	s.Namespace, s.Name = t.namespace(), setName
	return t.Client.Patch(ctx, s, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// poll calls look until it is done, the time is over, or the context ends, which is the
// only one of them that is an error.
func (t *Trial) poll(ctx context.Context, atMost time.Duration, look func() (bool, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); ; {
		if done, err := look(); done || time.Since(began) >= atMost {
			return err
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-tick.C:
		}
	}
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
