package controlplane

import (
	"fmt"
	"sync"

	apiservercompat "k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/rest"
	basecompatibility "k8s.io/component-base/compatibility"
)

// gates are switched on although upstream still has them off.
var gates = map[string]bool{
	// The Recreate strategy of StatefulSets (KEP-3541).
	"StatefulSetRecreateStrategy": true,
}

// setGlobals settles what all embedded components share, before the first of
// them is configured; upstream panics when it is done twice.
var setGlobals = sync.OnceValue(func() error {
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	registry := apiservercompat.DefaultComponentGlobalsRegistry
	if registry.EffectiveVersionFor(basecompatibility.DefaultKubeComponent) == nil {
		version := apiservercompat.DefaultBuildEffectiveVersion()
		if err := registry.Register(basecompatibility.DefaultKubeComponent, version, utilfeature.DefaultMutableFeatureGate); err != nil {
			return fmt.Errorf("registering the component version: %w", err)
		}
	}
	if err := registry.Set(); err != nil {
		return fmt.Errorf("setting the component version: %w", err)
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(gates); err != nil {
		return fmt.Errorf("setting feature gates: %w", err)
	}
	return nil
})
