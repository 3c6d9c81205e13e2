package apply

import (
	"errors"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// Uncertain reports whether a write that ended so may have been made all the
// same: everything but an answer of the API server's that says it was refused.
func Uncertain(err error) bool {
	if err == nil {
		return false
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(joined.Unwrap(), Uncertain)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	code := status.Status().Code
	return code == 0 || code >= 500
}

// Joined is the errors as one. Conflicts only matter where nothing worse
// happened, and are returned alone then, so that apierrors recognises them.
func Joined(errs ...error) error {
	var conflict error
	var worse []error
	for _, err := range errs {
		switch {
		case err == nil:
		case apierrors.IsConflict(err):
			conflict = err
		default:
			worse = append(worse, err)
		}
	}
	if len(worse) == 0 {
		return conflict
	}
	return errors.Join(worse...)
}

// Healed are the ordinals that heal has taken: those that the plan says, but for the pods
// that it has certainly not deleted. Somebody else may have been faster.
func (r Result) Healed(planned []int) []int {
	return slices.DeleteFunc(slices.Clone(planned), func(ordinal int) bool {
		return slices.ContainsFunc(r.Undone, func(a plan.Action) bool {
			_, undone, isPod := identity.Parse(a.Object.GetName())
			return a.Verb == plan.Delete && isPod && undone == ordinal && kinds.Of(a.Object) == kinds.Pod &&
				!slices.Contains(r.Uncertain, a.Object.GetName())
		})
	})
}

// Failures are those of pods that are to be remembered, by ordinal: as the plan would, but
// for those of the pods that were not deleted, which are as they were before.
func (r Result) Failures(planned, before map[int]plan.Failure) map[int]plan.Failure {
	for _, a := range r.Undone {
		_, ordinal, isPod := identity.Parse(a.Object.GetName())
		if a.Verb != plan.Delete || !isPod || kinds.Of(a.Object) != kinds.Pod {
			continue
		}
		if was, had := before[ordinal]; had {
			planned[ordinal] = was
		} else {
			delete(planned, ordinal)
		}
	}
	return planned
}
