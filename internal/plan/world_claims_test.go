package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// grow takes a remark about how a claim is on its way: size=1Gi, of which the claim was
// bound unless pending; capacity=1Gi if it is another; attributes=NAME, and
// attributes-are=NAME if it is of another; asked=AGE, for the change that is wanted now;
// asked-before, for another; unmounted=AGE, since when its pod is away for it; keeps=1Gi; label:KEY=VALUE; condition:TYPE=MESSAGE, with
// underscores for spaces, true for a minute or so long: TYPE@2m; resize=STATUS and modify=STATUS.
// It returns false for other remarks.
func (w *world) grow(t *testing.T, c *corev1.PersistentVolumeClaim, remark string) bool {
	t.Helper()
	what, value, _ := strings.Cut(remark, "=")
	kind, key, _ := strings.Cut(what, ":")
	switch kind {
	case "size":
		c.Spec.Resources.Requests = storage(value)
		if c.Status.Phase == "" {
			c.Status.Phase, c.Status.Capacity = corev1.ClaimBound, storage(value)
		}
	case "capacity":
		c.Status.Capacity = storage(value)
	case "attributes":
		c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName = &value, &value
	case "attributes-are":
		c.Status.CurrentVolumeAttributesClassName = &value
	case "label":
		metav1.SetMetaDataLabel(&c.ObjectMeta, key, value)
	case "asked", "asked-before", "keeps":
		w.markClaim(t, c, kind, value)
	case "condition":
		of, since, _ := strings.Cut(key, "@")
		age := time.Minute
		if since != "" {
			age = duration(t, since)
		}
		c.Status.Conditions = append(c.Status.Conditions, corev1.PersistentVolumeClaimCondition{
			Type: corev1.PersistentVolumeClaimConditionType(of), Status: corev1.ConditionTrue, Message: strings.ReplaceAll(value, "_", " "),
			LastTransitionTime: metav1.NewTime(now.Add(-age)),
		})
	case "unmounted":
		metav1.SetMetaDataAnnotation(&c.ObjectMeta, plan.UnmountedAnnotation,
			fmt.Sprintf(`{"template":%q,"at":%q}`, w.wanted(t, c), now.Add(-duration(t, value)).Format(time.RFC3339)))
	case "resize":
		c.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{corev1.ResourceStorage: corev1.ClaimResourceStatus(value)}
	case "modify":
		c.Status.ModifyVolumeStatus = &corev1.ModifyVolumeStatus{Status: corev1.PersistentVolumeClaimModifyVolumeStatus(value)}
	default:
		return false
	}
	return true
}

func storage(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(amount)}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// markClaim has a claim say which change of its template it has had.
func (w *world) markClaim(t *testing.T, c *corev1.PersistentVolumeClaim, what, value string) {
	t.Helper()
	mark := map[string]string{}
	if text := c.Annotations[plan.ClaimAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &mark); err != nil {
			t.Fatal(err)
		}
	}
	switch what {
	case "asked":
		mark["template"], mark["at"] = w.wanted(t, c), now.Add(-duration(t, value)).Format(time.RFC3339)
	case "asked-before":
		mark["template"], mark["at"] = "before", now.Add(-time.Hour).Format(time.RFC3339)
	case "keeps":
		mark["kept"] = value
	}
	text, err := json.Marshal(mark)
	if err != nil {
		t.Fatal(err)
	}
	metav1.SetMetaDataAnnotation(&c.ObjectMeta, plan.ClaimAnnotation, string(text))
}

// wanted is the hash of what is wanted of a claim.
func (w *world) wanted(t *testing.T, c *corev1.PersistentVolumeClaim) string {
	t.Helper()
	_, ordinal, _ := identity.Parse(c.Name)
	for _, template := range identity.ClaimTemplates(plan.ClaimsOf(&w.Set, w.policies())) {
		if identity.ClaimName(template.Name, w.Set.Name, ordinal) != c.Name {
			continue
		}
		var mark struct{ Template string }
		if err := json.Unmarshal([]byte(template.Annotations[plan.ClaimAnnotation]), &mark); err != nil {
			t.Fatalf("claim %s: nothing is wanted of it: %v", c.Name, err)
		}
		return mark.Template
	}
	t.Fatalf("claim %s is of no template", c.Name)
	return ""
}

// lookAtClaim adds a claim to those that have been read whole, if its size is given.
func (w *world) lookAtClaim(s *plan.Snapshot, c *corev1.PersistentVolumeClaim) {
	if len(c.Spec.Resources.Requests) == 0 {
		return
	}
	if s.ClaimsClosely == nil {
		s.ClaimsClosely = map[types.UID]*corev1.PersistentVolumeClaim{}
	}
	s.ClaimsClosely[c.UID] = c
}

// refusedClaims parses "NAME COUNT AGE: MESSAGE".
func (w *world) refusedClaims(t *testing.T, s *plan.Snapshot) {
	t.Helper()
	s.ClaimsRefused = map[types.UID]plan.ClaimRefusal{}
	for _, line := range w.ClaimsRefused {
		head, message, _ := strings.Cut(line, ": ")
		fields := strings.Fields(head)
		count, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatalf("refused claim %q: %v", line, err)
		}
		claim := s.Claims[fields[0]]
		s.ClaimsRefused[claim.UID] = plan.ClaimRefusal{
			Template: w.wanted(t, claim), Message: message, Count: count, At: now.Add(-duration(t, fields[2])),
		}
	}
}

// lostClaims adds what the API server said of claims and volumes.
func (w *world) lostClaims(s *plan.Snapshot) {
	s.ClaimsGone, s.Volumes = map[string]bool{}, map[string]plan.Volume{}
	for _, name := range w.ClaimsGone {
		s.ClaimsGone[name] = true
	}
	for name, words := range w.Volumes {
		v := plan.Volume{At: now.Add(-10 * time.Second)}
		if why, unknown := strings.CutPrefix(words, "?"); unknown {
			v.Unknown = why
		} else if words != "" {
			v.LostNodes = strings.Fields(words)
		}
		s.Volumes[name] = v
	}
}

// recordWanted has the update revision say what is asked of claims, as the plan before did.
func (w *world) recordWanted(s *plan.Snapshot) {
	if w.Unrecorded || s.Set.DeletionTimestamp != nil {
		return
	}
	for _, a := range plan.Make(*s).Actions {
		value, is := a.Change.Annotations[plan.RevisionClaimsAnnotation]
		for _, r := range s.Revisions {
			if is && value != nil && r.Name == a.Object.GetName() {
				metav1.SetMetaDataAnnotation(&r.ObjectMeta, plan.RevisionClaimsAnnotation, *value)
			}
		}
	}
}

// addedNow are the templates that are wanted beside the set's own.
func addedNow(set *appsv1.StatefulSet, policies []*v1alpha1.StatefulSetPolicy) string {
	var names []string
	for _, t := range identity.ClaimTemplates(plan.ClaimsOf(set, policies))[len(identity.ClaimTemplates(set)):] {
		names = append(names, t.Name)
	}
	return strings.Join(names, ",")
}

// isStranded reports whether the set's template mounts a volume that only an added claim of a
// pod can be.
func isStranded(set *appsv1.StatefulSet, pod *corev1.Pod) bool {
	spec := &set.Spec.Template.Spec
	for _, mount := range spec.Containers[0].VolumeMounts {
		isIts := func(v corev1.Volume) bool { return v.Name == mount.Name }
		if slices.Contains(plan.AddedClaims(pod), mount.Name) && !slices.ContainsFunc(spec.Volumes, isIts) {
			return true
		}
	}
	return false
}
