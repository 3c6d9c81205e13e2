package apply

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/snapshot"
)

// Expectations are the writes made for one set that the caches may not show yet.
// Until they do, a plan would repeat them. Safe for concurrent use.
type Expectations struct {
	mu      sync.Mutex
	written map[kinds.Kind]string // the newest resourceVersion written
	removed []removal
}

// removal is a delete of exactly one object.
type removal struct {
	kind kinds.Kind
	key  types.NamespacedName
	uid  types.UID
	gone bool // it is over, and not only under way
}

// Wrote records that a write gave an object of this kind a resourceVersion.
func (e *Expectations) Wrote(k kinds.Kind, version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.written == nil {
		e.written = map[kinds.Kind]string{}
	}
	if snapshot.Newer(version, e.written[k]) {
		e.written[k] = version
	}
}

// Deleted records that the deletion of an object was accepted.
func (e *Expectations) Deleted(k kinds.Kind, object metav1.Object) { e.remove(k, object, false) }

// Gone records that an object does not exist any more.
func (e *Expectations) Gone(k kinds.Kind, object metav1.Object) { e.remove(k, object, true) }

func (e *Expectations) remove(k kinds.Kind, object metav1.Object, gone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	e.removed = append(e.removed, removal{k, key, object.GetUID(), gone})
}

// Pending returns a kind whose cache is behind, empty if none is. What the caches
// show is forgotten.
func (e *Expectations) Pending(s snapshot.Seen) kinds.Kind {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, version := range e.written {
		if seen := s.Version(k); seen != "" && snapshot.Newer(version, seen) {
			return k
		}
		delete(e.written, k)
	}
	for len(e.removed) > 0 {
		r := e.removed[0]
		if o := s.Object(r.kind, r.key); o != nil && o.GetUID() == r.uid && (r.gone || o.GetDeletionTimestamp() == nil) {
			return r.kind
		}
		e.removed = e.removed[1:]
	}
	return ""
}

// Reset expects nothing any more.
func (e *Expectations) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written, e.removed = nil, nil
}
