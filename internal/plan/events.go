package plan

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Event is what is recorded about the set once the action was done, or failed
// with err. Reasons are upstream's where upstream has one, and its sentences are
// continued with the reason. Keeping history is not worth an event; ok is false
// then.
func (a Action) Event(set *appsv1.StatefulSet, err error) (event Event, ok bool) {
	verb := map[Verb]string{Create: "Create", Update: "Update", Delete: "Delete", Evict: "Evict", Resize: "Resize", Adopt: "Adopt", Release: "Release"}[a.Verb]
	var subject string
	switch object := a.Object.(type) {
	case *corev1.Pod:
		event.Pod = object.Name
		subject = fmt.Sprintf("Pod %s in StatefulSet %s", object.Name, set.Name)
	case *corev1.PersistentVolumeClaim:
		event.Claim = object.Name
		subject = fmt.Sprintf("Claim %s in StatefulSet %s", object.Name, set.Name)
	case *corev1.Service:
		subject = fmt.Sprintf("Service %s for StatefulSet %s", object.Name, set.Name)
	case *appsv1.StatefulSet:
		subject = "StatefulSet " + set.Name
		if err == nil {
			return Event{}, false
		}
	default:
		subject = fmt.Sprintf("Revision %s of StatefulSet %s", object.GetName(), set.Name)
		if err == nil {
			return Event{}, false
		}
	}
	if err != nil {
		event.Warning = true
		event.Reason = "Failed" + verb
		event.Message = fmt.Sprintf("%s %s failed: %v", verb, subject, err)
		return event, true
	}
	event.Reason = "Successful" + verb
	event.Message = fmt.Sprintf("%s %s successful, because %s", verb, subject, a.Why)
	return event, true
}
