package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"ordinal.dev/ordinal/internal/identity"
)

// Claims that are there become what is wanted in ordinal order. A claim is touched once for
// each change of its template, which its mark records: what becomes of it afterwards, by hand
// or by a program that grows volumes, is not taken back. Nothing of it is a wait of the set:
// pods run on, and a roll-out does not ask for it.

const (
	// claimPatience is how long the claims of the next ordinal wait for those before it,
	// which are on their way: most drivers are done by then, and a wrong size shows at one.
	claimPatience = 30 * time.Second
	// firstClaimRetry and lastClaimRetry are the pauses before a change is tried again that
	// the API server refused: a quota may be raised, and a class may allow expansion by then.
	firstClaimRetry, lastClaimRetry = time.Minute, 30 * time.Minute
)

// A ClaimChange is what is asked of an existing claim; what is nil stays as it is.
type ClaimChange struct {
	Size  *resource.Quantity
	Class *string // the VolumeAttributesClass
}

// A ClaimRefusal is a change of a claim that the API server refused.
type ClaimRefusal struct {
	Template string // the hash of what is wanted, as in the claim's mark
	Message  string
	Count    int // how often in a row
	At       time.Time
}

// changeClaims changes claims that are there. It goes on to the next ordinal when those of
// the one before are done, cannot be changed, or have had their time.
func (p *planner) changeClaims() {
	p.warnOfStranded()
	isHeld := false
	for _, m := range p.replicas {
		holds := false
		for i := range p.wanted {
			w := &p.wanted[i]
			claim := p.Claims[identity.ClaimName(w.Name, p.Set.Name, m.ordinal)]
			switch {
			case claim == nil || claim.DeletionTimestamp != nil || p.isStrange(claim, m):
			case isHeld && w.isDue(claim):
				p.claimsLeft++
			default:
				holds = p.changeClaim(m, w, claim) || holds
			}
		}
		isHeld = isHeld || holds
	}
}

// isDue reports whether a claim has not had the change that is wanted.
func (w *wantedClaim) isDue(claim *corev1.PersistentVolumeClaim) bool {
	mark := claimMarkOf(claim)
	return mark.Template != w.hash && (w.differs || mark.Template != "")
}

// isStrange reports whether a claim refers to an earlier set or pod of the same name: the
// garbage collector decides what becomes of it.
func (p *planner) isStrange(claim *corev1.PersistentVolumeClaim, m *member) bool {
	_, ok := p.wantedOwners(claim, m)
	return !ok
}

// changeClaim has a claim become what is wanted, and reports whether the next ordinal waits
// for it.
func (p *planner) changeClaim(m *member, w *wantedClaim, claim *corev1.PersistentVolumeClaim) (holds bool) {
	switch {
	case !w.isDue(claim):
		return p.followClaim(m, claim)
	case claim.Status.Phase != corev1.ClaimBound: // its specification cannot be changed before
		p.claimIs(claim, ClaimUnbound, "is not bound yet, and is changed when it is")
		return false
	case p.isRefused(w, claim):
		return false
	}
	switch whole := p.ClaimsClosely[claim.UID]; {
	case whole == nil:
		p.plan.ClaimLooks = append(p.plan.ClaimLooks, claim.Name)
		return true
	case !w.isDue(whole): // the cache is behind
		return p.followClaim(m, whole)
	default:
		return p.askClaim(w, whole)
	}
}

// askClaim plans the next write of a claim: first labels and annotations, if the rest might
// be refused, and then the rest, with the mark.
func (p *planner) askClaim(w *wantedClaim, claim *corev1.PersistentVolumeClaim) (holds bool) {
	labels, annotations := p.missingLabels(w, claim), missingAnnotations(w, claim)
	asked, kept := w.changeOf(claim)
	why := "template " + w.Name + " has changed" + keptWords(kept, w)
	change := Change{Labels: labels, Annotations: annotations}
	if asked != (ClaimChange{}) && (labels != nil || annotations != nil) {
		p.claimIs(claim, ClaimAsked, "is to "+asked.String())
		p.do(Action{Verb: Update, Object: claim, Change: change, Why: why})
		return true
	}
	mark := claimMark{Template: w.hash, At: p.Now.UTC().Truncate(time.Second), Kept: kept}.String()
	change.Annotations = with(change.Annotations, ClaimAnnotation, &mark)
	if asked == (ClaimChange{}) {
		p.claimIs(claim, ClaimAsked, "is being changed")
		p.do(Action{Verb: Update, Object: claim, Change: change, Why: why})
		return false
	}
	if r, is := p.ClaimsRefused[claim.UID]; is && r.Template == w.hash {
		p.tellRefused(claim, asked, r)
	} else {
		p.claimIs(claim, ClaimAsked, "is asked to "+asked.String())
	}
	change.Claim = &asked
	p.do(Action{Verb: Update, Object: claim, Change: change, Why: why})
	return true
}

// isRefused reports whether a claim is not to be asked yet for what the API server refused, and
// says so. It need not be read for that: those that are would be in the way of others, since a
// plan asks for a few only.
func (p *planner) isRefused(w *wantedClaim, claim *corev1.PersistentVolumeClaim) bool {
	r, is := p.ClaimsRefused[claim.UID]
	if !is || r.Template != w.hash {
		return false
	}
	asked, _ := w.changeOf(claim)
	left := r.At.Add(retryPause(r.Count)).Sub(p.Now)
	if asked == (ClaimChange{}) || left <= 0 {
		return false
	}
	p.tellRefused(claim, asked, r)
	p.lookAgain(left)
	return true
}

func (p *planner) tellRefused(claim *corev1.PersistentVolumeClaim, asked ClaimChange, r ClaimRefusal) {
	p.claimIs(claim, ClaimRefused, "cannot "+asked.String()+": "+shorten(r.Message))
}

// retryPause is how long to wait after so many refusals in a row.
func retryPause(count int) time.Duration {
	return min(firstClaimRetry<<min(count-1, 10), lastClaimRetry)
}

// changeOf is what a claim is to be asked for beside labels and annotations, and the size
// that it keeps since it has more than is wanted. A claim never shrinks; but one that has
// not grown to what it was asked for may be asked for less (KEP-1790).
func (w *wantedClaim) changeOf(claim *corev1.PersistentVolumeClaim) (change ClaimChange, kept string) {
	if w.Size != nil {
		has, capacity := requested(claim), claim.Status.Capacity[corev1.ResourceStorage]
		switch {
		case w.Size.Cmp(has) > 0, w.Size.Cmp(has) < 0 && w.Size.Cmp(capacity) > 0:
			change.Size = w.Size
		case w.Size.Cmp(has) < 0:
			kept = has.String()
		}
	}
	if class := claim.Spec.VolumeAttributesClassName; w.Class != nil && (class == nil || *class != *w.Class) {
		change.Class = w.Class
	}
	return change, kept
}

// WantedOf is the hash of what is wanted, for which an action changes a claim.
func WantedOf(a Action) string {
	var m claimMark
	if text := a.Change.Annotations[ClaimAnnotation]; text == nil || json.Unmarshal([]byte(*text), &m) != nil {
		return ""
	}
	return m.Template
}

// keptWords say that a claim keeps its size.
func keptWords(kept string, w *wantedClaim) string {
	if kept == "" {
		return ""
	}
	return fmt.Sprintf("; it keeps its %s: claims never shrink, and %s is for new ones", kept, w.Size)
}

// String is the change, to follow "is asked to".
func (c ClaimChange) String() string {
	var all []string
	if c.Size != nil {
		all = append(all, "have "+c.Size.String())
	}
	if c.Class != nil {
		all = append(all, "be of VolumeAttributesClass "+*c.Class)
	}
	return strings.Join(all, " and ")
}

// missingLabels are the wanted labels that a claim does not have, nil for none. Those of the
// selector are its own.
func (p *planner) missingLabels(w *wantedClaim, claim *corev1.PersistentVolumeClaim) map[string]string {
	var all map[string]string
	for key, value := range w.Labels {
		if _, own := p.Set.Spec.Selector.MatchLabels[key]; !own && lacksEntries(claim.Labels, map[string]string{key: value}) {
			all = with(all, key, value)
		}
	}
	return all
}

// missingAnnotations are the wanted annotations that a claim does not have, nil for none.
func missingAnnotations(w *wantedClaim, claim *corev1.PersistentVolumeClaim) map[string]*string {
	var all map[string]*string
	for _, key := range slices.Sorted(maps.Keys(w.Annotations)) {
		value := w.Annotations[key]
		if lacksEntries(claim.Annotations, map[string]string{key: value}) {
			all = with(all, key, &value)
		}
	}
	return all
}
