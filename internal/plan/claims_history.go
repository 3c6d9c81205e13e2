package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RevisionClaimsAnnotation on a ControllerRevision says what was asked of claims beside the
// set's spec while it was the update's. `kubectl rollout undo` takes a pod template back, and
// claims never shrink: who goes back is told of that.
const RevisionClaimsAnnotation = "ordinal.dev/claims"

// wantedText is what the annotation says of what is asked for now; empty for nothing.
func (p *planner) wantedText() string {
	if len(p.wanted) == 0 {
		return ""
	}
	return encoded(p.wanted)
}

// recordClaims keeps the annotation of the update revision as it is to be.
func (p *planner) recordClaims() {
	text := p.wantedText()
	if p.update.Annotations[RevisionClaimsAnnotation] == text || !metav1.IsControlledBy(p.update, p.Set) || p.isWritten(p.update) {
		return
	}
	p.do(note(p.update, RevisionClaimsAnnotation, text, "what is asked of claims has changed"))
}

// isWritten reports whether the plan writes a revision already.
func (p *planner) isWritten(r *appsv1.ControllerRevision) bool {
	return slices.ContainsFunc(p.plan.Actions, func(a Action) bool { return a.Kind() == "revision" && a.Object.GetName() == r.Name })
}

// tellOfClaims says that the set goes back to a revision with which something else was asked
// of its claims, which it does not take back.
func (p *planner) tellOfClaims() {
	was, is := p.update.Annotations[RevisionClaimsAnnotation], p.wantedText()
	if was == is {
		return
	}
	p.warn("ClaimsNotUndone", fmt.Sprintf(
		"the pod template is that of revision %s again, and claims are not taken back: with it they were to be %s, and now they are to be %s",
		p.update.Name, wantedNamed(was), wantedNamed(is)))
}

// wantedNamed are what an annotation has, for a sentence.
func wantedNamed(text string) string {
	var wanted []wantedClaim
	if json.Unmarshal([]byte(text), &wanted) != nil || len(wanted) == 0 {
		return "as in the spec"
	}
	return strings.Join(lines(wanted, wantedClaim.String), ", ")
}

// String is what is wanted, in a few words.
func (w wantedClaim) String() string {
	words := w.Name
	if w.Size != nil {
		words += " of " + w.Size.String()
	}
	if w.Class != nil {
		words += " of class " + *w.Class
	}
	if len(w.Labels)+len(w.Annotations) > 0 {
		words += " with labels or annotations"
	}
	return words
}
