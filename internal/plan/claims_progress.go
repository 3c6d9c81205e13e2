package plan

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// ClaimStage is how far a claim is on its way to what is wanted.
type ClaimStage string

const (
	ClaimUnbound    ClaimStage = "Unbound"            // it has no volume yet
	ClaimAsked      ClaimStage = "Asked"              // its driver has not said anything
	ClaimChanging   ClaimStage = "Changing"           // its driver is at it
	ClaimFileSystem ClaimStage = "AwaitingFileSystem" // the volume has grown, and what is on it has not
	ClaimRestart    ClaimStage = "AwaitingRestart"    // what is on it grows when its pod is made anew
	ClaimRefused    ClaimStage = "Refused"            // the API server does not accept it
	ClaimInfeasible ClaimStage = "Infeasible"         // its driver cannot do it
)

// A ClaimProgress is a claim that is not yet what is wanted.
type ClaimProgress struct {
	Name  string
	Stage ClaimStage
	Words string // to follow the name
}

func (c ClaimProgress) String() string { return c.Name + " " + c.Words }

// fails reports whether only a person can help.
func (c ClaimProgress) fails() bool { return c.Stage == ClaimRefused || c.Stage == ClaimInfeasible }

func (p *planner) claimIs(claim *corev1.PersistentVolumeClaim, stage ClaimStage, words string) {
	p.plan.Claims = append(p.plan.Claims, ClaimProgress{claim.Name, stage, words})
}

// followClaim says how far a claim is that was asked, and reports whether the next ordinal
// waits for it.
func (p *planner) followClaim(m *member, claim *corev1.PersistentVolumeClaim) (holds bool) {
	stage, words := claimStage(claim)
	if stage == "" {
		p.plan.ClaimsDone = append(p.plan.ClaimsDone, claim.Name)
		return false
	}
	if stage == ClaimFileSystem {
		stage, words = p.fileSystemWords(m, claim, words)
	} else if stage == ClaimChanging {
		stage, words = p.unmountWords(m, claim, words)
	}
	p.claimIs(claim, stage, words)
	if stage != ClaimAsked && stage != ClaimChanging && stage != ClaimFileSystem {
		return false
	}
	left := claimMarkOf(claim).At.Add(claimPatience).Sub(p.Now)
	if left > 0 {
		p.lookAgain(left)
	}
	return left > 0
}

// claimStage is how far a claim is by what its driver and its node report, in words too;
// empty for one that is done.
func claimStage(claim *corev1.PersistentVolumeClaim) (ClaimStage, string) {
	if stage, words := growth(claim); stage != "" {
		return stage, words
	}
	return modification(claim)
}

// IsChanging reports whether a claim is on its way, whoever asked for it. The caches keep more
// of those.
func IsChanging(claim *corev1.PersistentVolumeClaim) bool {
	stage, _ := claimStage(claim)
	return stage != ""
}

// growth is how far a claim's size is.
func growth(claim *corev1.PersistentVolumeClaim) (ClaimStage, string) {
	wanted, has := requested(claim), claim.Status.Capacity[corev1.ResourceStorage]
	if wanted.Cmp(has) <= 0 || claim.Status.Phase != corev1.ClaimBound {
		return "", ""
	}
	to := wanted.String()
	status := claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage]
	switch {
	case status == corev1.PersistentVolumeClaimControllerResizeInfeasible:
		return ClaimInfeasible, fmt.Sprintf("cannot grow to %s%s", to, driverWords(claim, corev1.PersistentVolumeClaimControllerResizeError))
	case status == corev1.PersistentVolumeClaimNodeResizeInfeasible:
		return ClaimInfeasible, fmt.Sprintf("cannot grow to %s on its node%s", to, driverWords(claim, corev1.PersistentVolumeClaimNodeResizeError))
	case claimCondition(claim, corev1.PersistentVolumeClaimNodeResizeError) != nil:
		return ClaimFileSystem, fmt.Sprintf("has grown to %s, and what is on it does not yet%s", to, driverWords(claim, corev1.PersistentVolumeClaimNodeResizeError))
	case claimCondition(claim, corev1.PersistentVolumeClaimControllerResizeError) != nil:
		return ClaimChanging, fmt.Sprintf("does not grow to %s yet%s", to, driverWords(claim, corev1.PersistentVolumeClaimControllerResizeError))
	case claimCondition(claim, corev1.PersistentVolumeClaimFileSystemResizePending) != nil,
		status == corev1.PersistentVolumeClaimNodeResizePending, status == corev1.PersistentVolumeClaimNodeResizeInProgress:
		return ClaimFileSystem, fmt.Sprintf("has grown to %s, and waits for its node to make use of it", to)
	case claimCondition(claim, corev1.PersistentVolumeClaimResizing) != nil, status != "":
		return ClaimChanging, "is growing to " + to
	}
	return ClaimAsked, "is asked to have " + to
}

// modification is how far a claim's VolumeAttributesClass is.
func modification(claim *corev1.PersistentVolumeClaim) (ClaimStage, string) {
	wanted, has := claim.Spec.VolumeAttributesClassName, claim.Status.CurrentVolumeAttributesClassName
	if wanted == nil || has != nil && *has == *wanted {
		return "", ""
	}
	words := driverWords(claim, corev1.PersistentVolumeClaimVolumeModifyVolumeError)
	switch status := claim.Status.ModifyVolumeStatus; {
	case status != nil && status.Status == corev1.PersistentVolumeClaimModifyVolumeInfeasible:
		return ClaimInfeasible, fmt.Sprintf("cannot be of VolumeAttributesClass %s%s", *wanted, words)
	case status != nil && status.Status == corev1.PersistentVolumeClaimModifyVolumePending:
		return ClaimAsked, fmt.Sprintf("waits for VolumeAttributesClass %s%s", *wanted, words)
	case words != "":
		return ClaimChanging, fmt.Sprintf("is not of VolumeAttributesClass %s yet%s", *wanted, words)
	case status != nil:
		return ClaimChanging, "becomes one of VolumeAttributesClass " + *wanted
	}
	return ClaimAsked, "is asked to be of VolumeAttributesClass " + *wanted
}

// claimCondition is a condition of a claim that is true, nil if it is not.
func claimCondition(claim *corev1.PersistentVolumeClaim, kind corev1.PersistentVolumeClaimConditionType) *corev1.PersistentVolumeClaimCondition {
	for i := range claim.Status.Conditions {
		if c := &claim.Status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// driverWords are what a driver says in a condition, after a colon; empty for nothing.
func driverWords(claim *corev1.PersistentVolumeClaim, kind corev1.PersistentVolumeClaimConditionType) string {
	c := claimCondition(claim, kind)
	if c == nil || c.Message == "" {
		return ""
	}
	return ": " + shorten(strings.Join(strings.Fields(c.Message), " "))
}
