package handover

import (
	"context"
	"errors"
	"fmt"
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
	return h.await(ctx, targets, Taken, "✓ %s: Ordinal acts")
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
// says so of each.
func (h *Handover) await(ctx context.Context, targets []Target, stage func(*fence.Record, Target) Stage, done string) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	reached, stopped := map[string]bool{}, map[string]time.Time{}
	for {
		words := "the controller has not said anything yet"
		i, err := install.Read(ctx, h.Client)
		switch {
		case err != nil:
			words = "it cannot be seen: " + err.Error()
		case i.Silent(time.Now()) != "":
			words = i.Silent(time.Now())
		}
		for _, t := range targets {
			if err != nil || i.Record == nil || reached[t.Namespace] {
				continue
			}
			s := stage(i.Record, t)
			if s.Done {
				reached[t.Namespace] = true
				h.Screen.Say(fmt.Sprintf(done, t))
				continue
			}
			if words = t.String() + ": " + s.Words; !s.Stopped {
				delete(stopped, t.Namespace)
			} else if stopped[t.Namespace].IsZero() {
				stopped[t.Namespace] = time.Now()
			} else if time.Since(stopped[t.Namespace]) > patience {
				return errors.New(words)
			}
		}
		if len(reached) == len(targets) {
			return nil
		}
		h.Screen.Wait(words)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w after %s; %s", ended(ctx), h.Screen.Elapsed().Round(time.Second), words)
		case <-tick.C:
		}
	}
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
