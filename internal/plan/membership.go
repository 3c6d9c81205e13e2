package plan

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Who is a member, who joins and who leaves is noted in two annotations of one
// ControllerRevision, and in one write: an ordinal that has left is no member at once.

// membershipNoted is the revision on which it is noted, nil for none.
func membershipNoted(set *appsv1.StatefulSet, history []*appsv1.ControllerRevision) *appsv1.ControllerRevision {
	for _, r := range history {
		if notesMembership(r) && metav1.IsControlledBy(r, set) {
			return r
		}
	}
	return nil
}

func notesMembership(r *appsv1.ControllerRevision) bool {
	_, leaves := r.Annotations[LeavingAnnotation]
	_, joins := r.Annotations[MembersAnnotation]
	return leaves || joins
}

// forgetOtherNotes removes what is noted on another revision, too: that was adopted with it from
// a set of before.
func (p *planner) forgetOtherNotes() {
	for _, r := range p.history {
		if r == p.membership || !notesMembership(r) || !metav1.IsControlledBy(r, p.Set) || p.isWritten(r) {
			continue
		}
		none := map[string]*string{LeavingAnnotation: nil, MembersAnnotation: nil}
		p.do(Action{Verb: Update, Object: r, Change: Change{Annotations: none}, Why: "who is a member is noted on " + p.membership.Name})
	}
}

// readMembership takes in what is noted.
func (p *planner) readMembership() {
	p.membership = membershipNoted(p.Set, p.history)
	p.readDepartures()
	p.readJoins()
}

// noteMembership notes what has become of those that join and leave.
func (p *planner) noteMembership() {
	if p.membership == nil && p.departures.hook == nil && p.joins.hook == nil {
		return
	}
	p.forgetOtherNotes()
	p.settleUnwantedJoins()
	p.noteCondemned()
	change, why := map[string]*string{}, ""
	d, on := &p.departures, p.membership
	if !maps.Equal(d.was, d.are) || on != nil && len(d.are) == 0 && on.Annotations[LeavingAnnotation] != "" {
		change[LeavingAnnotation], why = textOrNone(d.text()), d.why()
	}
	if was, is := p.joins.noted, p.membersText(); was != is {
		change[MembersAnnotation] = textOrNone(is)
		if why == "" {
			why = p.whyNoted(is)
		}
	}
	if len(change) == 0 {
		return
	}
	if on = p.toNoteOn(); on == nil || p.isWritten(on) {
		p.lookAgain(askAgain) // it is being written otherwise; the cache tells sooner
		return
	}
	p.do(Action{Verb: Update, Object: on, Change: Change{Annotations: change}, Why: why})
}

// toNoteOn is the revision on which membership is noted from now on, nil for none yet.
func (p *planner) toNoteOn() *appsv1.ControllerRevision {
	if p.membership != nil {
		return p.membership
	}
	for _, r := range []*appsv1.ControllerRevision{p.current, p.update} {
		if metav1.IsControlledBy(r, p.Set) && slices.Contains(p.history, r) {
			return r
		}
	}
	return nil
}

// textOrNone is the value of an annotation that is removed where it is empty.
func textOrNone(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
