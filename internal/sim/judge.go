package sim

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// A promise is what a user relies on. Each is in a file of its own. Its checks say
// what is wrong, in words, and nothing if all is well.
type promise struct {
	sentence string
	// event checks a change, made by a controller or, if by is nil, by anybody else.
	event func(j *judge, e apiserver.Event, by *instance) string
	// step checks what is so after every step.
	step func(j *judge) string
	// rest checks what is so when the faults are long over.
	rest func(j *judge) string
}

// promises are all that is promised, in the order of docs/reliability.md.
func promises() []promise {
	return []promise{
		oneRunningPod, inOrder, updateWithinBudget, claimsAreKept, revisionsAreTrue,
		othersAreLeftAlone, statusIsTrue, statusIsInTime, doneAtOnce, itSettles, workIsBounded,
		namesResolve, usersServiceIsKept, healIsCareful, neverTwo,
		pausedStands, heldStands, revertedIsBack, lastGoesLast, canaryIsFirst, labelIsTrue, placeIsKept,
		onceToSuccess, leadersHandOver,
		changedOnce, oneInstance, claimsAreAsAsked,
		leavesFirst, staysKnowingly, reservedIsFree, deletedInReverse, overridesRollTheirOwn,
		joinsFirst,
	}
}

// Violation is a broken promise.
type Violation struct {
	Promise string // its sentence
	Words   string // what was wrong
	At      time.Duration
}

func (v *Violation) String() string {
	return fmt.Sprintf("after %s: %s\nThe promise: %s", v.At.Round(time.Millisecond), v.Words, v.Promise)
}

// judge watches over the promises with a truthful view.
type judge struct {
	w        *World
	promises []promise
	broken   *Violation

	userDeleted map[string]bool   // claims that a user has deleted
	looks       map[string]string // of the templates of revisions, by the names of these
	templates   map[string]*corev1.PodTemplateSpec
	dropped     map[types.UID]bool   // the pods that others than the controllers have removed without waiting for their nodes
	changes     int                  // made by others than the controllers
	handedOver  map[handedOver]int64 // since which version it is noted
	again       string               // that one has to hand over once more; empty for none
	unnoted     string               // that one is asked to leave, and is not noted to; empty for none
	punctuality punctuality
	silence     time.Time // that has been listened to: when it began

	names         names
	usersServices usersServices
	healed        map[string]healedPod // by name

	claimsKnown claimsKnown

	ruled  bool // there has been a policy
	moving bool // and one by which pods are updated in place
	said   said
}

func newJudge(w *World) *judge {
	return &judge{
		w: w, promises: promises(), userDeleted: map[string]bool{}, looks: map[string]string{}, templates: map[string]*corev1.PodTemplateSpec{}, dropped: map[types.UID]bool{},
		handedOver: map[handedOver]int64{}, punctuality: newPunctuality(),
		claimsKnown: newClaimsKnown(), names: newNames(), usersServices: newUsersServices(), healed: map[string]healedPod{},
	}
}

func (j *judge) breaks(p promise, words string) {
	if words != "" && j.broken == nil && !j.w.script.excepts(p) {
		j.broken = &Violation{Promise: p.sentence, Words: words, At: j.w.now.Sub(epoch)}
		j.w.tell("BROKEN: %s", words)
	}
}

func (j *judge) event(e apiserver.Event, by *instance) {
	if by == nil {
		j.changes++
	}
	j.note(e)
	for _, p := range j.promises {
		if p.event != nil {
			j.breaks(p, p.event(j, e, by))
		}
	}
}

func (j *judge) look() {
	for _, p := range j.promises {
		if p.step != nil {
			j.breaks(p, p.step(j))
		}
	}
}

func (j *judge) rest() {
	for _, p := range j.promises {
		if p.rest != nil && j.broken == nil {
			j.breaks(p, p.rest(j))
		}
	}
}

// endless is the verdict on a history that does not come to an end.
func (j *judge) endless() {
	j.breaks(workIsBounded, fmt.Sprintf("the history has taken %d steps and goes on", j.w.steps))
}

func (j *judge) userDeletes(claim string) { j.userDeleted[claim] = true }

// A controller's caches are always late. What it may be held to is this: what it
// does was right at some instant between the last write of its own to a kind, or
// else its taking over, and now. It knows its own writes, and looks afresh at what
// was so when it took over; of what others do it can only hear.

// floor is the version that the view of a kind must not be older than.
func (i *instance) floor(set string, kind apiserver.Kind) int64 {
	return max(i.tookOver, i.lastWrite[wrote{set, kind}])
}

// wrote is what a controller has written to: a kind, for a set.
type wrote struct {
	set  string
	kind apiserver.Kind
}

// allowed looks for an instant at which a check of the instance's deed e found
// nothing wrong, and otherwise returns what it finds wrong now. At each instant the
// set, policies and revisions may be as they were at others, since they arrive separately;
// what the instance has done since it began is always so.
func (j *judge) allowed(e apiserver.Event, by *instance, check func(v *view) string) string {
	return j.atSomeInstant(e, by, by.ownSince, check)
}

// toldTruly is allowed for what tells of the time before the instance began.
func (j *judge) toldTruly(e apiserver.Event, by *instance, check func(v *view) string) string {
	return j.atSomeInstant(e, by, nil, check)
}

func (j *judge) atSomeInstant(e apiserver.Event, by *instance, own map[int64]apiserver.Kind, check func(v *view) string) string {
	now, floor := "", by.floor(by.acting, pods)
	for _, set := range j.versions(e, by) {
		for _, said := range j.rulings(e, by, own) {
			v := j.viewBefore(e, by, set, said)
			for more := true; more; more = v.back(floor, own) {
				words := check(v)
				if words == "" {
					return ""
				}
				if now == "" {
					now = words
				}
			}
		}
	}
	return fmt.Sprintf("%s (%s may go by a view as of v%d, and it was so at no instant since)", now, by.name, floor)
}
