package volumes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// onDisk is the claim's volume, with a directory below base.
func onDisk(t *testing.T, base string, claim *corev1.PersistentVolumeClaim, size string) *corev1.PersistentVolume {
	t.Helper()
	volume := volumeFor(claim, size)
	volume.Spec.PersistentVolumeSource = local(create(t, NewDirectories(base), volumeOf(claim, *volume.Spec.Capacity.Storage())))
	return volume
}

// writes are the sizes and states that were written of claim and volume, in order, and
// the reasons of events, which are recorded beside them.
func (w world) writes() (steps, events []string) {
	for _, action := range w.api.Actions() {
		write, is := action.(interface{ GetObject() runtime.Object })
		if !is {
			continue
		}
		switch o := write.GetObject().(type) {
		case *corev1.PersistentVolumeClaim:
			steps = append(steps, strings.TrimSpace("claim "+o.Status.Capacity.Storage().String()+" "+string(growthStatus(o))))
		case *corev1.PersistentVolume:
			steps = append(steps, "volume "+o.Spec.Capacity.Storage().String())
		case *corev1.Event:
			events = append(events, o.Reason)
		}
	}
	return steps, events
}

func (w world) claimNow() *corev1.PersistentVolumeClaim {
	w.Helper()
	claim, err := w.api.CoreV1().PersistentVolumeClaims("db").Get(w.Context(), "data-web-0", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return claim
}

func (w world) ask(size string) {
	w.Helper()
	claim := w.claimNow()
	asks(size)(claim)
	if err := w.api.Tracker().Update(corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), claim, claim.Namespace); err != nil {
		w.Fatal(err)
	}
	w.pass(firstRetry)
}

func TestAClaimGrowsStepByStep(t *testing.T) {
	base := t.TempDir()
	claim := bound()
	inWorld(t, NewDirectories(base), []runtime.Object{claim, onDisk(t, base, claim, "1Gi")}, func(w world) {
		w.ask("2Gi")
		steps, events := w.writes()
		if want := []string{"claim 1Gi ControllerResizeInProgress", "volume 2Gi", "claim 2Gi"}; !slices.Equal(steps, want) {
			t.Errorf("steps %q, want %q", steps, want)
		}
		if want := []string{"Resizing", "VolumeResizeSuccessful"}; !slices.Equal(events, want) {
			t.Errorf("events %q, want %q", events, want)
		}
	})
}

func TestGrowthGoesOnWhereAKilledProcessStopped(t *testing.T) {
	for step, tc := range map[string]struct {
		claim  *corev1.PersistentVolumeClaim
		volume string
	}{
		"asked":                      {bound(asks("2Gi")), "1Gi"},
		"began":                      {bound(asks("2Gi"), begun("2Gi")), "1Gi"},
		"the volume is enlarged":     {bound(asks("2Gi"), begun("2Gi")), "2Gi"},
		"asked for more, then began": {bound(asks("2Gi"), begun("1500Mi")), "1Gi"},
	} {
		base := t.TempDir()
		inWorld(t, NewDirectories(base), []runtime.Object{tc.claim, onDisk(t, base, tc.claim, tc.volume)}, func(w world) {
			w.pass(firstRetry)
			now, volume := w.claimNow().Status, w.volume()
			if has, of := now.Capacity.Storage().String(), volume.Spec.Capacity.Storage().String(); has != "2Gi" || of != "2Gi" {
				t.Errorf("%s: the claim has %s, and the volume %s", step, has, of)
			}
			if len(now.Conditions) > 0 || len(now.AllocatedResourceStatuses) > 0 {
				t.Errorf("%s: grown, the claim says %+v", step, now)
			}
		})
	}
}

func TestRefusalIsInWordsAndGrowthComesWhenItCan(t *testing.T) {
	base := t.TempDir()
	claim := bound()
	volume := onDisk(t, base, claim, "1Gi")
	dir := volume.Spec.Local.Path
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	inWorld(t, NewDirectories(base), []runtime.Object{claim, volume}, func(w world) {
		w.ask("2Gi")
		now := w.claimNow()
		if growthStatus(now) != corev1.PersistentVolumeClaimControllerResizeInfeasible {
			t.Errorf("the claim says %+v", now.Status)
		}
		message := now.Status.Conditions[len(now.Status.Conditions)-1].Message
		if want := "directory " + dir + " is gone"; !strings.Contains(message, want) || w.warning() != message {
			t.Errorf("condition %q and event %q, want both with %q", message, w.warning(), want)
		}

		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		w.pass(lastRetry)
		now = w.claimNow()
		if has := now.Status.Capacity.Storage().String(); has != "2Gi" || len(now.Status.Conditions) > 0 {
			t.Errorf("it can grow again, and the claim says %+v", now.Status)
		}
	})
}

// Whoever made it knows how large it is, and the kubelet does the rest when that is
// written into the volume.
func TestAVolumeMadeByHandIsLeftAloneAndItsClaimSaysWhy(t *testing.T) {
	claim := bound(asks("2Gi"))
	byHand, others, strange := volumeFor(claim, "1Gi"), volumeFor(claim, "1Gi"), volumeFor(claim, "1Gi")
	delete(byHand.Annotations, provisionedBy)
	others.Annotations[provisionedBy] = "example.com/other"
	strange.Spec.ClaimRef.UID = "uid-0"
	for volume, said := range map[*corev1.PersistentVolume]string{byHand: "raise its spec.capacity.storage to 2Gi", others: "", strange: ""} {
		inWorld(t, NewDirectories(t.TempDir()), []runtime.Object{claim, volume}, func(w world) {
			w.pass(lastRetry)
			if steps, _ := w.writes(); len(steps) > 0 {
				t.Errorf("written: %q", steps)
			}
			if got := w.warning(); !strings.Contains(got, said) || said == "" && got != "" {
				t.Errorf("said: %q, want %q", got, said)
			}
		})
	}
}

func TestGrowthBeyondTheDiskIsGrantedAndSaid(t *testing.T) {
	base := t.TempDir()
	claim := bound()
	inWorld(t, NewDirectories(base), []runtime.Object{claim, onDisk(t, base, claim, "1Gi")}, func(w world) {
		w.ask("1Ei")
		if has := w.claimNow().Status.Capacity.Storage().String(); has != "1Ei" {
			t.Errorf("the claim has %s", has)
		}
		if got := w.warning(); !strings.Contains(got, "recorded and not enforced") {
			t.Errorf("warning %q", got)
		}
	})
}

func TestOnlyTheClaimsOwnDirectoryGrows(t *testing.T) {
	base := t.TempDir()
	d := NewDirectories(base)
	create(t, d, webData)
	for _, source := range []corev1.PersistentVolumeSource{{}, local("/etc"), local(filepath.Dir(base))} {
		if _, err := d.Grow(t.Context(), webData, source, 1); err == nil || !strings.Contains(err.Error(), "not at "+base) {
			t.Errorf("%+v: %v", source, err)
		}
	}
	if note, err := d.Grow(t.Context(), webData, local(base, "db/data-web-0/uid-1"), 1); note != "" || err != nil {
		t.Errorf("a byte more: %q, %v", note, err)
	}
}

func TestClaimsMayGrowInAClassOfAnEarlierVersion(t *testing.T) {
	earlier, forbidden, others := class(), class(), class()
	for _, c := range []*bool{earlier.AllowVolumeExpansion, forbidden.AllowVolumeExpansion, others.AllowVolumeExpansion} {
		*c = false
	}
	delete(earlier.Annotations, growthOffered)
	delete(others.Annotations, growthOffered)
	others.Provisioner = "example.com/other"
	for what, tc := range map[string]struct {
		class runtime.Object
		want  bool
	}{
		"of an earlier version":       {earlier, true},
		"forbidden by its user since": {forbidden, false},
		"of another provisioner":      {others, false},
	} {
		inWorld(t, NewDirectories(t.TempDir()), []runtime.Object{tc.class}, func(w world) {
			found, err := w.api.StorageV1().StorageClasses().Get(t.Context(), ClassName, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if *found.AllowVolumeExpansion != tc.want {
				t.Errorf("%s: allowed %v, want %v", what, *found.AllowVolumeExpansion, tc.want)
			}
		})
	}
}
