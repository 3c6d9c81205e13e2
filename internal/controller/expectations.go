package controller

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// seen is what the caches have got to see so far.
type seen interface {
	// version is the newest resourceVersion seen of a kind; empty if the cache
	// cannot tell, and is then taken to be current.
	version(kind) string
	// object returns an object of a kind, nil if there is none.
	object(kind, types.NamespacedName) metav1.Object
}

// expectations are the writes made for one set that the caches may not show yet.
// Until they do, a plan would repeat them. Safe for concurrent use.
type expectations struct {
	mu      sync.Mutex
	written map[kind]string // the newest resourceVersion written
	removed []removal
}

// removal is a delete of exactly one object.
type removal struct {
	kind kind
	key  types.NamespacedName
	uid  types.UID
	gone bool // it is over, and not only under way
}

// wrote records that a write gave an object of this kind a resourceVersion.
func (e *expectations) wrote(k kind, version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.written == nil {
		e.written = map[kind]string{}
	}
	if newer(version, e.written[k]) {
		e.written[k] = version
	}
}

// deleted records that the deletion of an object was accepted, gone that the
// object does not exist any more.
func (e *expectations) deleted(k kind, object metav1.Object) { e.remove(k, object, false) }
func (e *expectations) gone(k kind, object metav1.Object)    { e.remove(k, object, true) }

func (e *expectations) remove(k kind, object metav1.Object, gone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	e.removed = append(e.removed, removal{k, key, object.GetUID(), gone})
}

// pending returns a kind whose cache is behind, empty if none is. What the caches
// show is forgotten.
func (e *expectations) pending(s seen) kind {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, version := range e.written {
		if seen := s.version(k); seen != "" && newer(version, seen) {
			return k
		}
		delete(e.written, k)
	}
	for len(e.removed) > 0 {
		r := e.removed[0]
		if o := s.object(r.kind, r.key); o != nil && o.GetUID() == r.uid && (r.gone || o.GetDeletionTimestamp() == nil) {
			return r.kind
		}
		e.removed = e.removed[1:]
	}
	return ""
}

// reset expects nothing any more.
func (e *expectations) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written, e.removed = nil, nil
}

// newer reports whether a is newer than b. A version that is not a number, which
// no conforming server gives out, is never newer, so that it is not waited for.
func newer(a, b string) bool {
	if b == "" {
		return a != ""
	}
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}
