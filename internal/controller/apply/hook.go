package apply

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/plan"
)

// startHook begins with a hook, where something may be done for the set. What becomes of it
// the next plans see.
func (e *execution) startHook(ctx context.Context, c plan.HookCall) {
	if e.Hooks != nil && e.barred(e.set, c.Pod) == nil {
		e.Hooks.Start(ctx, client.ObjectKeyFromObject(e.set), c)
	}
}
