package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/claimtemplates"
	"ordinal.dev/ordinal/internal/identity"
)

const (
	dataTemplate  = "data"  // the one that sets have
	extraTemplate = "extra" // one that is added
	tagLabel      = "tag"   // of claims
)

// sizeClaims gives claims of a template a size, if the shape has one.
func (s *shape) sizeClaims(template *corev1.PersistentVolumeClaim) {
	if s.size != "" {
		template.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		template.Spec.Resources.Requests = corev1.ResourceList{storage: resource.MustParse(s.size + "Gi")}
	}
}

// askedInWords is what words ask of claims: one word for each part, in gibibytes.
func askedInWords(text string) (templates []v1alpha1.ClaimTemplate, onLost v1alpha1.OnLost) {
	data := v1alpha1.ClaimTemplate{Name: dataTemplate}
	for word := range strings.FieldsSeq(text) {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "size":
			data.Size = ptr.To(resource.MustParse(value + "Gi"))
		case "class":
			data.VolumeAttributesClassName = &value
		case "tag":
			data.Labels = map[string]string{tagLabel: value}
		case "extra":
			templates = append(templates, v1alpha1.ClaimTemplate{Name: extraTemplate, Size: ptr.To(resource.MustParse(value + "Gi"))})
		case "onLost":
			onLost = v1alpha1.OnLost(value)
		}
	}
	if data.Size != nil || data.VolumeAttributesClassName != nil || data.Labels != nil {
		templates = append(templates, data)
	}
	return templates, onLost
}

// policyClaims is what a policy says of claims that the words ask for, nil for nothing.
func policyClaims(text string) *v1alpha1.Claims {
	templates, onLost := askedInWords(text)
	if templates == nil && onLost == "" {
		return nil
	}
	return &v1alpha1.Claims{Templates: templates, OnLost: onLost}
}

// recorded has a set carry the record of an apply, or none.
func recorded(set *appsv1.StatefulSet, m Move) {
	templates, _ := askedInWords(m.Text)
	if len(templates) == 0 {
		delete(set.Annotations, claimtemplates.Annotation)
		return
	}
	var record []claimtemplates.Wanted
	for _, t := range templates {
		w := claimtemplates.Wanted{Name: t.Name, Size: *t.Size, VolumeAttributesClassName: t.VolumeAttributesClassName, Labels: t.Labels}
		if t.Name == extraTemplate {
			w.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		}
		record = append(record, w)
	}
	text, _ := json.Marshal(record) // which can be encoded
	metav1.SetMetaDataAnnotation(&set.ObjectMeta, claimtemplates.Annotation, string(text))
}

// provision gives a claim that says its size a volume.
func (w *World) provision(claim *corev1.PersistentVolumeClaim) {
	if claim.Spec.Resources.Requests == nil {
		return
	}
	claim.Spec.VolumeName = "volume-of-" + string(claim.UID)
	w.driver.volumes[claim.Spec.VolumeName] = claim.UID
	w.must(w.api.Update(claim))
	claim.Status.Capacity = corev1.ResourceList{storage: claim.Spec.Resources.Requests[storage]}
	claim.Status.CurrentVolumeAttributesClassName = claim.Spec.VolumeAttributesClassName
}

// growClaim has a claim ask for more by a user's hand.
func (w *World) growClaim(m Move) {
	claim := w.claim(claimOf(m.Set, m.N))
	if claim == nil || claim.Spec.Resources.Requests == nil {
		return
	}
	if size := resource.MustParse(m.Text); size.Cmp(claim.Spec.Resources.Requests[storage]) > 0 {
		claim.Spec.Resources.Requests[storage] = size
		w.try(w.api.Update(claim))
	}
}

// loseVolume has the volume of a claim vanish.
func (w *World) loseVolume(m Move) {
	w.counts.Faults++
	claim := w.claim(identity.ClaimName(m.Text, m.Set, m.N))
	if claim == nil || claim.Spec.VolumeName == "" || claim.Status.Phase != corev1.ClaimBound {
		return
	}
	delete(w.driver.volumes, claim.Spec.VolumeName)
	claim.Status.Phase = corev1.ClaimLost
	w.must(w.api.UpdateStatus(claim))
}

func (w *World) wipeClaim(m Move) {
	name := identity.ClaimName(m.Text, m.Set, m.N)
	w.judge.userDeletes(name)
	w.try(w.api.Delete(claims, keyOf(name), deleteOptions()))
}

// setMood changes what the driver makes of the claims of an ordinal, or of all.
func (w *World) setMood(m Move) {
	w.counts.Faults++
	for ordinal := range anyOrdinal {
		if m.N != ordinal && m.N != anyOrdinal {
			continue
		}
		for _, template := range []string{dataTemplate, extraTemplate} {
			w.driver.moods[identity.ClaimName(template, m.Set, ordinal)] = mood(m.Text)
		}
	}
	w.driver.lookAtAll()
}

// becomeCalm has half of the claims for which a driver would never do what is asked keep it so,
// and in half of the histories the class refuse growth on. In the others it lets claims grow
// some minutes later, when nothing else happens any more.
func (d *driver) becomeCalm() {
	for _, name := range sortedKeys(d.moods) {
		if d.moods[name].isKeptFrom() && d.w.rand("mood").IntN(2) == 0 {
			d.moods[name] = prompt
		}
	}
	if !d.w.api.Expanding && d.w.rand("mood").IntN(2) == 0 {
		d.w.after(d.w.between("mood", time.Minute, 5*time.Minute), "admin", func() { d.w.api.Expanding = true })
	}
	d.lookAtAll()
}

// mendClaims is what users do about lost claims when the faults are over: where nobody else
// makes them anew, they delete the pod and all claims of its ordinal.
func (w *World) mendClaims(set *appsv1.StatefulSet, times int) {
	if times == 0 || w.onLost(set) == v1alpha1.OnLostRecreate {
		return
	}
	for ordinal := range anyOrdinal {
		if name := identity.PodName(set.Name, ordinal); w.lostClaim(name) != "" {
			w.tell("starts %s anew without its data", name)
			for _, template := range []string{dataTemplate, extraTemplate} {
				w.wipeClaim(Move{Set: set.Name, N: ordinal, Text: template})
			}
			w.try(w.api.Delete(pods, keyOf(name), deleteOptions()))
		}
	}
}

// onLost is what the policies of a set say about lost claims.
func (w *World) onLost(set *appsv1.StatefulSet) v1alpha1.OnLost {
	if policy := w.judge.viewNow(set).policy(); policy != nil && policy.Spec.Claims != nil {
		return policy.Spec.Claims.OnLost
	}
	return ""
}

// lostClaim is a claim for want of which a pod does not run, empty for none.
func (w *World) lostClaim(pod string) string {
	object, err := w.api.Get(pods, keyOf(pod))
	if err != nil || runs(object.(*corev1.Pod)) {
		return ""
	}
	return w.missingVolume(object.(*corev1.Pod))
}

// missingVolume is a claim of a pod that does not exist or has no volume any more.
func (w *World) missingVolume(pod *corev1.Pod) string {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		if claim := w.claim(v.PersistentVolumeClaim.ClaimName); claim == nil || claim.Status.Phase == corev1.ClaimLost {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}

// awaitsVolume reports whether a pod that is about to be started has a claim without a volume:
// its node tries again.
func (n *node) awaitsVolume(pod *corev1.Pod) bool {
	if !n.w.isSized(pod) || n.w.missingVolume(pod) == "" {
		return false
	}
	n.report(pod.Name, pod.UID, corev1.PodPending, false, waiting("ContainerCreating"))
	n.w.after(n.w.between("mounts", 5*time.Second, 2*time.Minute), n.name, func() { n.begin(pod.Name, pod.UID) })
	return true
}

// isSized reports whether a pod is of a set whose claims have a size.
func (w *World) isSized(pod *corev1.Pod) bool {
	set, _, _ := identity.Parse(pod.Name)
	object, err := w.api.Get(sets, keyOf(set))
	return err == nil && slices.ContainsFunc(object.(*appsv1.StatefulSet).Spec.VolumeClaimTemplates, func(t corev1.PersistentVolumeClaim) bool {
		return t.Spec.Resources.Requests != nil
	})
}
