package sim

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var usersServiceIsKept = promise{
	sentence: "A Service of a user's is never changed, but for taking the mark and the owners off one that was ours, once; it never goes with a set, and nobody meets a conflict by applying one.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		service, ok := e.Object.(*corev1.Service)
		if !ok {
			return ""
		}
		j.usersServices.note(e, service)
		switch {
		case by != nil && e.Old != nil:
			return changedService(e, e.Old.(*corev1.Service), service)
		case by == nil && e.Type == deleted:
			return j.serviceWent(service)
		}
		return ""
	},
}

// usersServices is what a judge knows of the Services of users.
type usersServices struct {
	since   map[types.UID]time.Time // since when they have been users'
	made    map[string]time.Time    // when the last Service of a name was made
	deleted map[string]bool         // by their users
}

func newUsersServices() usersServices {
	return usersServices{since: map[types.UID]time.Time{}, made: map[string]time.Time{}, deleted: map[string]bool{}}
}

func (u *usersServices) note(e apiserver.Event, service *corev1.Service) {
	if e.Type == added {
		u.made[service.Name] = e.Time
		delete(u.deleted, service.Name)
	}
	if _, known := u.since[service.UID]; !known && !isOurs(service) {
		u.since[service.UID] = e.Time
	}
}

// changedService says what a controller should not have done to a Service. It knew what
// it changed: its writes are about the version that it saw.
func changedService(e apiserver.Event, old, updated *corev1.Service) string {
	switch {
	case e.Type == deleted || removal(e):
		return fmt.Sprintf("the controller deleted the Service %s", old.Name)
	case old.Annotations[markAnnotation] == "":
		return fmt.Sprintf("the Service %s is a user's, and was changed", old.Name)
	case isUsers(old) && !isGivenUp(old, updated):
		return fmt.Sprintf("the Service %s has become a user's, and more was changed than its mark and owners", old.Name)
	}
	return ""
}

// isGivenUp reports whether nothing but the mark and the owners has gone, and both have.
func isGivenUp(old, updated *corev1.Service) bool {
	want := old.DeepCopy()
	delete(want.Annotations, markAnnotation)
	want.OwnerReferences, want.ManagedFields, want.ResourceVersion = nil, updated.ManagedFields, updated.ResourceVersion
	return equality.Semantic.DeepEqual(want, updated)
}

// serviceWent says whether a Service should have stayed that nobody has deleted.
func (j *judge) serviceWent(service *corev1.Service) string {
	since, users := j.usersServices.since[service.UID]
	if !users || j.usersServices.deleted[service.Name] || j.w.api.Terminating[namespace] {
		return ""
	}
	if j.excused() || j.w.now.Sub(since) <= mostBehind { // the controller may not know yet
		return ""
	}
	return fmt.Sprintf("the Service %s has been a user's for %s, and went with a set", service.Name, j.w.now.Sub(since).Round(time.Millisecond))
}

// userApplied takes in how a server-side apply of a Service ended.
func (j *judge) userApplied(name string, err error) {
	if err == nil || !strings.Contains(err.Error(), ourManager) || j.excused() {
		return
	}
	if age := j.w.now.Sub(j.usersServices.made[name]); age > mostBehind {
		j.breaks(usersServiceIsKept, fmt.Sprintf("a user could not apply the Service %s, which is %s old: %v", name, age, err))
	}
}

func (j *judge) userDeletesService(name string) { j.usersServices.deleted[name] = true }
