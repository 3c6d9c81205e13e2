package sim

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// driver is the storage driver, with the resizer beside it and what nodes do about volumes that
// have grown. It writes the status of claims as the real ones do. Of claims that say no size it
// does nothing.
type driver struct {
	w     *World
	moods map[string]mood     // by claim; of others it does at once what is asked
	tried map[types.UID]int   // how often it has tried in vain, by claim
	open  map[string]struct{} // claims that are not what is asked, by name

	volumes map[string]types.UID // that there are: of which claims
}

// mood is what a driver makes of a change of a claim.
type mood string

const (
	prompt     mood = "prompt"
	late       mood = "late"
	silent     mood = "silent"     // it begins, and never ends
	infeasible mood = "infeasible" // it cannot do more than mostFeasible, nor change classes
	failing    mood = "failing"    // some times, and then it goes on
	byNode     mood = "by node"    // which has to grow what is on the volume, under a pod that runs
	byMount    mood = "by mount"   // which grows it only when it is mounted
	broken     mood = "broken"     // on its node, where it never grows
	hopeless   mood = "hopeless"   // on its node, which says that it cannot
	offline    mood = "offline"    // only while no pod has it
)

// moods are all of them.
var moods = []mood{prompt, late, silent, infeasible, failing, byNode, byMount, broken, hopeless, offline}

// isKeptFrom reports whether such a driver never does what is asked.
func (m mood) isKeptFrom() bool {
	return slices.Contains([]mood{silent, infeasible, broken, hopeless}, m)
}

// mostFeasible is the most that a driver in the mood infeasible has room for.
var mostFeasible = resource.MustParse("25Gi")

func newDriver(w *World) *driver {
	return &driver{w: w, moods: map[string]mood{}, tried: map[types.UID]int{}, open: map[string]struct{}{}, volumes: map[string]types.UID{}}
}

// volume reads a PersistentVolume. Each can be reached from every node.
func (d *driver) volume(name string, into *corev1.PersistentVolume) error {
	if _, is := d.volumes[name]; !is {
		return apierrors.NewNotFound(corev1.Resource("persistentvolumes"), name)
	}
	*into = corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	return nil
}

// hear looks at claims that have changed, or whose pods have.
func (d *driver) hear(e apiserver.Event) {
	switch object := e.Object.(type) {
	case *corev1.PersistentVolumeClaim:
		if e.Type == deleted || isAsAsked(object) {
			delete(d.open, object.Name)
			return
		}
		d.open[object.Name] = struct{}{}
		d.soon(object.Name, object.UID)
	case *corev1.Pod:
		if len(d.open) == 0 {
			return
		}
		for _, v := range object.Spec.Volumes {
			if v.PersistentVolumeClaim == nil {
				continue
			}
			if _, isOpen := d.open[v.PersistentVolumeClaim.ClaimName]; isOpen {
				d.lookAt(v.PersistentVolumeClaim.ClaimName)
			}
		}
	}
}

// lookAt has the driver get to a claim again.
func (d *driver) lookAt(name string) {
	if claim := d.w.claim(name); claim != nil {
		d.soon(name, claim.UID)
	}
}

// lookAtAll has it get to all claims that are not what is asked.
func (d *driver) lookAtAll() {
	for _, name := range sortedKeys(d.open) {
		d.lookAt(name)
	}
}

// soon has the driver get to a claim in its own time.
func (d *driver) soon(name string, uid types.UID) {
	takes := d.w.between("driver", 20*time.Millisecond, 2*time.Second)
	switch d.moods[name] {
	case late:
		takes += d.w.between("driver", 0, time.Minute)
	case failing:
		takes += d.w.between("driver", 0, 30*time.Second)
	case byNode:
		if d.w.rand("driver").IntN(4) == 0 {
			takes += d.w.between("driver", 0, 3*time.Minute)
		}
	}
	d.w.after(takes, "storage driver", func() {
		if claim := d.w.claim(name); claim != nil && claim.UID == uid && !isAsAsked(claim) {
			d.goOn(claim)
		}
	})
}

// claim is a copy of a claim as it is, nil if there is none.
func (w *World) claim(name string) *corev1.PersistentVolumeClaim {
	object, err := w.api.Get(claims, keyOf(name))
	if err != nil {
		return nil
	}
	return object.(*corev1.PersistentVolumeClaim).DeepCopy()
}

// isAsAsked reports whether a claim that is bound has the size and the class that it asks for;
// nothing is to be done about one that is not bound.
func isAsAsked(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Status.Phase != corev1.ClaimBound || !hasToGrow(claim) && !hasToChange(claim)
}

func hasToGrow(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Spec.Resources.Requests.Storage().Cmp(*claim.Status.Capacity.Storage()) > 0
}

func hasToChange(claim *corev1.PersistentVolumeClaim) bool {
	wanted, has := claim.Spec.VolumeAttributesClassName, claim.Status.CurrentVolumeAttributesClassName
	return wanted != nil && (has == nil || *has != *wanted)
}

// goOn does the next step of what is asked.
func (d *driver) goOn(claim *corev1.PersistentVolumeClaim) {
	before := claim.DeepCopy()
	if hasToGrow(claim) {
		d.grow(claim)
	}
	if hasToChange(claim) {
		d.change(claim)
	}
	if !sameStatus(before, claim) {
		d.w.must(d.w.api.UpdateStatus(claim))
	}
}

// change makes a claim one of another class.
func (d *driver) change(claim *corev1.PersistentVolumeClaim) {
	s, target := &claim.Status, *claim.Spec.VolumeAttributesClassName
	is := &corev1.ModifyVolumeStatus{TargetVolumeAttributesClassName: target, Status: corev1.PersistentVolumeClaimModifyVolumeInProgress}
	switch isBegun := s.ModifyVolumeStatus != nil && s.ModifyVolumeStatus.TargetVolumeAttributesClassName == target; {
	case !isBegun:
		s.ModifyVolumeStatus = is
	case d.moods[claim.Name] == silent:
	case d.moods[claim.Name] == infeasible:
		is.Status = corev1.PersistentVolumeClaimModifyVolumeInfeasible
		s.ModifyVolumeStatus = is
		d.say(claim, corev1.PersistentVolumeClaimVolumeModifyVolumeError, "rpc error: code = InvalidArgument desc = no such class here")
	default:
		s.ModifyVolumeStatus, s.CurrentVolumeAttributesClassName = nil, &target
		unsay(claim, corev1.PersistentVolumeClaimVolumeModifyVolumeError)
	}
}

// say sets a condition of a claim, with what a driver says.
func (d *driver) say(claim *corev1.PersistentVolumeClaim, kind corev1.PersistentVolumeClaimConditionType, words string) {
	for i := range claim.Status.Conditions {
		if c := &claim.Status.Conditions[i]; c.Type == kind {
			c.Message = words
			return
		}
	}
	claim.Status.Conditions = append(claim.Status.Conditions, corev1.PersistentVolumeClaimCondition{
		Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: *d.w.seconds(), Message: words,
	})
}

// unsay takes conditions away.
func unsay(claim *corev1.PersistentVolumeClaim, kinds ...corev1.PersistentVolumeClaimConditionType) {
	claim.Status.Conditions = slices.DeleteFunc(claim.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool { return slices.Contains(kinds, c.Type) })
}

// saidSince is since when a claim has a condition, zero if it has not.
func saidSince(claim *corev1.PersistentVolumeClaim, kind corev1.PersistentVolumeClaimConditionType) metav1.Time {
	for _, c := range claim.Status.Conditions {
		if c.Type == kind {
			return c.LastTransitionTime
		}
	}
	return metav1.Time{}
}

// inWords is how far a claim is that says its size.
func inWords(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.Resources.Requests == nil {
		return ""
	}
	words := fmt.Sprintf(", asks for %s, has %s, %s", claim.Spec.Resources.Requests.Storage(), claim.Status.Capacity.Storage(), claim.Status.Phase)
	if stage := claim.Status.AllocatedResourceStatuses[storage]; stage != "" {
		words += ", " + string(stage)
	}
	for _, c := range claim.Status.Conditions {
		words += ", " + string(c.Type)
	}
	if claim.DeletionTimestamp != nil {
		words += ", terminating"
	}
	return words
}
