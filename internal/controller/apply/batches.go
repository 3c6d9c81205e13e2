package apply

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/plan"
)

// inOrder performs actions one after the other, up to the first that fails.
func (e *execution) inOrder(ctx context.Context, actions []plan.Action) error {
	for i, a := range actions {
		if e.isOver() {
			e.result.Undone = append(e.result.Undone, actions[i:]...)
			return nil
		}
		if err := e.perform(ctx, a); err != nil {
			e.result.Undone = append(e.result.Undone, actions[i:]...)
			if e.isHeld(err) {
				e.result.OnHold = true
				return nil
			}
			e.refuse(err)
			return err
		}
		e.done = true
	}
	return nil
}

// besides performs actions that hold nothing else up. One that the API server refuses, and
// would again, is reported, and tried again when the next plan says so.
func (e *execution) besides(ctx context.Context, actions []plan.Action) error {
	var failed []error
	for _, a := range actions {
		err := e.perform(ctx, a)
		if err == nil {
			continue
		}
		e.result.Undone = append(e.result.Undone, a)
		var r refusal
		if errors.As(err, &r) && !Uncertain(err) && !apierrors.IsTooManyRequests(r) {
			e.reporter.Refused(r.kind, r.name, r.event, isFinal(r), false)
			e.result.OnHold = true
			continue
		}
		failed = append(failed, err)
	}
	return Joined(failed...)
}

// batches performs independent actions in parallel, in batches of 1, 2, 4 and so
// on, so that what is refused once is not sent a hundred times.
func (e *execution) batches(ctx context.Context, actions []plan.Action) error {
	var failed []error
	next := e.memory.next
	next.size = max(1, next.size)
	for len(actions) > 0 && !e.isOver() {
		var batch []plan.Action
		if batch, actions = e.nextBatch(actions, next.size); len(batch) == 0 {
			break
		}
		errs := make([]error, len(batch))
		began := e.Clock.Now()
		e.Each(len(batch), func(i int) { errs[i] = e.perform(ctx, batch[i]) })
		next = next.after(e.Clock.Since(began))
		for i, err := range errs {
			if err == nil {
				e.done = true
				continue
			}
			if failed = append(failed, err); len(failed) <= mostFailures { // more would say the same
				e.refuse(err)
			}
			e.result.Undone = append(e.result.Undone, batch[i])
			next = pacing{size: 2}
		}
	}
	e.result.Undone = append(e.result.Undone, actions...)
	e.memory.next = pacing{}
	if e.result.RanOut {
		e.memory.next = next
	}
	return Joined(failed...)
}

// nextBatch takes so many actions off the rest, and leaves out those that need a write of
// a sort that has failed often enough.
func (e *execution) nextBatch(actions []plan.Action, size int) (batch, rest []plan.Action) {
	for i, a := range actions {
		if len(batch) == size {
			return batch, actions[i:]
		}
		if e.isHopeless(a) {
			e.result.Undone = append(e.result.Undone, a)
		} else {
			batch = append(batch, a)
		}
	}
	return batch, nil
}
