package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plugin/install"
	"ordinal.dev/ordinal/internal/plugin/rights"
	"ordinal.dev/ordinal/internal/plugin/terminal"
)

const (
	// lookEvery is how often the controller's record is read while it is waited for.
	lookEvery = 500 * time.Millisecond
	// patience is for how long the record may say that the controller has stopped before
	// that is believed: it may be from before the change.
	patience = 10 * time.Second
)

// A Handover is what both ways need.
type Handover struct {
	Client       client.Client
	Installation *install.Installation
	Screen       *terminal.Screen
}

// Check returns an error if a target cannot be taken, before anything is written.
func (h *Handover) Check(ctx context.Context, targets []Target) error {
	if err := h.Installation.MayTake(time.Now()); err != nil {
		return err
	}
	for _, t := range targets {
		namespace, err := namespaceOf(ctx, h.Client, t.Namespace)
		if err != nil {
			return err
		}
		if err := takeable(namespace); err != nil {
			return err
		}
		if _, err := Sets(ctx, h.Client, t); err != nil {
			return err
		}
	}
	return nil
}

func takeable(namespace *corev1.Namespace) error {
	switch {
	case namespace.DeletionTimestamp != nil:
		return fmt.Errorf("namespace %s is being deleted", namespace.Name)
	case fence.ChargeOf(namespace).OptedOut():
		return fmt.Errorf("namespace %s is to stay with the in-tree controller; if that holds no more: kubectl label namespace %s %s-",
			namespace.Name, namespace.Name, fence.Label)
	}
	return nil
}

// Take has the targets be Ordinal's, and waits until the controller acts there.
func (h *Handover) Take(ctx context.Context, targets []Target) error {
	if err := h.need(ctx, targets); err != nil {
		return err
	}
	if err := haveWrites(ctx, h.Client); err != nil {
		return err
	}
	for _, t := range targets {
		if err := bind(ctx, h.Client, roleBinding(t.Namespace, h.Installation)); err != nil {
			return fmt.Errorf("letting the controller write in namespace %s: %w", t.Namespace, err)
		}
		if err := h.label(ctx, t); err != nil {
			return err
		}
		h.Screen.Say("✓ " + t.String() + " is labelled")
	}
	return h.await(ctx, targets, Taken, func(t Target) error {
		h.Screen.Say("✓ " + t.String() + ": Ordinal acts")
		return nil
	})
}

// need asks for all rights that Take needs at once.
func (h *Handover) need(ctx context.Context, targets []Target) error {
	needed := []rights.Right{{Verb: "get", Resource: "configmaps", Namespace: h.Installation.Namespace, Name: fence.RecordName}}
	for _, t := range targets {
		needed = append(needed,
			rights.Right{Verb: "patch", Resource: "namespaces", Name: t.Namespace},
			rights.Right{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings", Namespace: t.Namespace})
	}
	return rights.Need(ctx, h.Client, needed...)
}

func (h *Handover) label(ctx context.Context, t Target) error {
	return say(ctx, h.Client, t.Namespace, func(namespace *corev1.Namespace) (saying, error) {
		if err := takeable(namespace); err != nil || t.Whole() {
			label, annotations := fence.Take(namespace)
			return saying{label: &label, annotations: annotations}, err
		}
		sets, err := Sets(ctx, h.Client, t)
		if err != nil {
			return saying{}, err
		}
		label, annotations := fence.Take(namespace, sets...)
		return saying{label: &label, annotations: annotations}, nil
	})
}

// await reads the controller's record until it has every target where it is to be, and
// calls done with each. One that is stopped does not hold the others up.
func (h *Handover) await(ctx context.Context, targets []Target, stage func(*fence.Record, Target) Stage, done func(Target) error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	w := waiting{left: slices.Clone(targets), stopped: map[string]time.Time{}}
	for {
		words := h.look(ctx, &w, stage, done)
		if len(w.left) == 0 {
			return joined(w.errs)
		}
		h.Screen.Wait(words)
		select {
		case <-ctx.Done():
			w.errs = append(w.errs, fmt.Errorf("%w after %s; %s", ended(ctx), h.Screen.Elapsed().Round(time.Second), words))
			return joined(w.errs)
		case <-tick.C:
		}
	}
}

// waiting is what await has come to.
type waiting struct {
	left    []Target
	stopped map[string]time.Time // since when namespaces are
	errs    []error
}

// look reads the record once, and returns what is waited for.
func (h *Handover) look(ctx context.Context, w *waiting, stage func(*fence.Record, Target) Stage, done func(Target) error) string {
	i, err := install.Read(ctx, h.Client)
	switch {
	case err != nil:
		return "it cannot be seen: " + err.Error()
	case i.Silent(time.Now()) != "":
		return i.Silent(time.Now())
	case i.Record == nil:
		return "the controller has not said anything yet"
	}
	words := ""
	w.left = slices.DeleteFunc(w.left, func(t Target) bool {
		s, now := stage(i.Record, t), time.Now()
		if s.Done {
			if err := done(t); err != nil {
				w.errs = append(w.errs, err)
			}
			return true
		}
		words = t.String() + ": " + s.Words
		since, before := w.stopped[t.Namespace]
		switch {
		case !s.Stopped:
			delete(w.stopped, t.Namespace)
		case !before:
			w.stopped[t.Namespace] = now
		case now.Sub(since) > patience:
			w.errs = append(w.errs, errors.New(words))
			return true
		}
		return false
	})
	return words
}

// joined is one sentence of several errors, nil for none.
func joined(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	return fmt.Errorf("%w; and %w", errs[0], joined(errs[1:]))
}

// ErrInterrupted is the error of a handover that the person ended.
var ErrInterrupted = errors.New("interrupted")

var errTooLong = errors.New("not done")

func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errTooLong
	}
	return ErrInterrupted
}
