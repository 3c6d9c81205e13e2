package snapshot

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// Seen is what the caches have seen so far.
type Seen interface {
	// Version is the newest resourceVersion seen of a kind; empty if the cache
	// cannot tell, and is then taken to be current.
	Version(kinds.Kind) string
	// Object returns an object of a kind, nil if there is none.
	Object(kinds.Kind, types.NamespacedName) metav1.Object
}

// Version implements [Seen].
func (c *Cache) Version(k kinds.Kind) string { return c.stores[k].LastStoreSyncResourceVersion() }

// Object implements [Seen].
func (c *Cache) Object(k kinds.Kind, key types.NamespacedName) metav1.Object {
	o, err := get[metav1.Object](c.stores[k], k, key)
	if err != nil {
		return nil
	}
	return o
}

// Newer reports whether a resourceVersion is newer than b. A version that is not a number, which
// no conforming server gives out, is never newer, so that it is not waited for.
func Newer(a, b string) bool {
	if b == "" {
		return a != ""
	}
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}
