package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/claimtemplates"
	"ordinal.dev/ordinal/internal/fence"
)

// Changed claim templates are recorded by the API server alone: these tests are about what
// it takes of kubectl and Helm. What becomes of claims then is told by the tests of policies.

// small is the templates of most of the manifests here.
const small = `[{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]`

// of is small with another size.
func of(size string) string { return strings.Replace(small, "1Gi", size, 1) }

// manifest is that of a set without pods, as a person writes it.
func manifest(templates string) string {
	return `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: peers
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
  volumeClaimTemplates: ` + templates + "\n"
}

// accepting waits until the policies are in force, and puts them up where the controller is
// not the cluster's own.
func accepting(t *testing.T) *scene {
	w := newScene(t)
	api := w.Client.AdmissionregistrationV1()
	if otherController() != nil {
		for _, make := range []func() error{
			func() error {
				_, err := api.ValidatingAdmissionPolicies().Create(w.Ctx, claimadmission.Refusing(), metav1.CreateOptions{})
				return err
			},
			func() error {
				_, err := api.ValidatingAdmissionPolicyBindings().Create(w.Ctx, claimadmission.RefusingBinding(fence.WholeCluster), metav1.CreateOptions{})
				return err
			},
			func() error {
				_, err := api.MutatingAdmissionPolicies().Create(w.Ctx, claimadmission.Recording(fence.WholeCluster), metav1.CreateOptions{})
				return err
			},
			func() error {
				_, err := api.MutatingAdmissionPolicyBindings().Create(w.Ctx, claimadmission.RecordingBinding(fence.WholeCluster), metav1.CreateOptions{})
				return err
			},
		} {
			if err := make(); !apierrors.IsAlreadyExists(err) {
				w.Must(err)
			}
		}
	}
	probe := web(replicas(0))
	probe.Name = "probe"
	w.create(probe)
	w.soon(func() error {
		set, err := w.Client.AppsV1().StatefulSets(w.Namespace).Get(w.Ctx, "probe", metav1.GetOptions{})
		w.Must(err)
		set.Spec.VolumeClaimTemplates = nil
		_, err = w.Client.AppsV1().StatefulSets(w.Namespace).Update(w.Ctx, set, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		if !strings.Contains(fmt.Sprint(err), "cannot be removed") {
			return fmt.Errorf("the API server says %v", err)
		}
		return nil
	})
	return w
}

// stored is the set as the API server has it.
func (w *scene) stored() *appsv1.StatefulSet {
	w.Helper()
	set, err := w.Client.AppsV1().StatefulSets(w.Namespace).Get(w.Ctx, "web", metav1.GetOptions{})
	w.Must(err)
	return set
}

// wants objects unless the record of a set is this, and its templates are those that it was
// made with, of one size.
func wants(set *appsv1.StatefulSet, record string) error {
	if have := set.Annotations[claimtemplates.Annotation]; have != record {
		return fmt.Errorf("the record is\n%s\nand not\n%s", have, record)
	}
	for _, t := range set.Spec.VolumeClaimTemplates {
		if have := t.Spec.Resources.Requests[corev1.ResourceStorage]; have.String() != "1Gi" {
			return fmt.Errorf("template %s is of %s now", t.Name, have.String())
		}
	}
	_, err := claimtemplates.Parse(record)
	return err
}

// two is what a record of one template says that is of 2Gi.
const two = `[{"name":"data","size":"2Gi"}]`

// written is a set without what the controller writes, and without what every write changes.
func written(set *appsv1.StatefulSet) *appsv1.StatefulSet {
	set = set.DeepCopy()
	set.Status, set.ResourceVersion, set.ManagedFields = appsv1.StatefulSetStatus{}, "", nil
	return set
}

func TestClaimAdmissionIsStoredAsItIsWritten(t *testing.T) {
	w := accepting(t)
	api := w.Client.AdmissionregistrationV1()
	recording, err := api.MutatingAdmissionPolicies().Get(w.Ctx, claimadmission.Name, metav1.GetOptions{})
	w.Must(err)
	refusing, err := api.ValidatingAdmissionPolicies().Get(w.Ctx, claimadmission.Name, metav1.GetOptions{})
	w.Must(err)
	recordingIn, err := api.MutatingAdmissionPolicyBindings().Get(w.Ctx, claimadmission.Name, metav1.GetOptions{})
	w.Must(err)
	refusingIn, err := api.ValidatingAdmissionPolicyBindings().Get(w.Ctx, claimadmission.Name, metav1.GetOptions{})
	w.Must(err)
	// A start writes them unless they are so already, so nothing else may be added.
	for _, pair := range [][2]any{
		{recording.Spec, claimadmission.Recording(fence.WholeCluster).Spec}, {refusing.Spec, claimadmission.Refusing().Spec},
		{recordingIn.Spec, claimadmission.RecordingBinding(fence.WholeCluster).Spec}, {refusingIn.Spec, claimadmission.RefusingBinding(fence.WholeCluster).Spec},
	} {
		if !equality.Semantic.DeepEqual(pair[0], pair[1]) {
			t.Errorf("it is stored as\n%+v\nand not as\n%+v", pair[0], pair[1])
		}
	}
	if warnings := refusing.Status.TypeChecking; warnings != nil && len(warnings.ExpressionWarnings) > 0 {
		t.Errorf("an expression is wrong: %+v", warnings.ExpressionWarnings)
	}
}

// showsNoDiff waits until `kubectl diff` of a file finds nothing: it reads the set twice, and
// shows a status that was written between.
func (w *scene) showsNoDiff(file string, how ...string) {
	w.Helper()
	w.soon(func() error {
		_, err := w.runsKubectl(append([]string{"diff", "-f", file}, how...)...)
		return err
	})
}

// Both ways of applying take a change, take it again without a write, and find nothing to
// change afterwards.
func TestChangedClaimTemplatesAreRecorded(t *testing.T) {
	for name, test := range map[string]struct{ was, is, record string }{
		"a size":       {small, of("2Gi"), two},
		"a class":      {small, `[{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], volumeAttributesClassName: gold, resources: {requests: {storage: 1Gi}}}}]`, `[{"name":"data","volumeAttributesClassName":"gold","size":"1Gi"}]`},
		"what is said": {small, `[{metadata: {name: data, labels: {b: x, a.b/c: y1}, annotations: {z: "a \"b\" \\ {c}\n\td ü", a: ""}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "3221225472"}}}}]`, `[{"name":"data","size":"3221225472","labels":{"a.b/c":"y1","b":"x"},"annotations":{"a":"","z":"a \"b\" \\ {c}\n\td ü"}}]`},
		"one more, and another order": {
			small,
			`[{metadata: {name: wal}, spec: {accessModes: [ReadWriteOnce, ReadOnlyMany], storageClassName: fast, volumeMode: Block, resources: {requests: {storage: 3Gi}}}}, ` + small[1:],
			`[{"name":"wal","accessModes":["ReadWriteOnce","ReadOnlyMany"],"storageClassName":"fast","volumeMode":"Block","size":"3Gi"},{"name":"data","size":"1Gi"}]`,
		},
		"the first one": {`[]`, of("2Gi"), `[{"name":"data","accessModes":["ReadWriteOnce"],"volumeMode":"Filesystem","size":"2Gi"}]`},
		"of one with all that a template can say": {
			`[{metadata: {name: data, labels: {a: b}, annotations: {c: d}}, spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeMode: Filesystem, selector: {matchLabels: {x: z}, matchExpressions: [{key: k, operator: In, values: [v, w]}]}, dataSource: {kind: PersistentVolumeClaim, name: other}, volumeAttributesClassName: gold, resources: {limits: {storage: 9Gi}, requests: {storage: 1Gi}}}}]`,
			`[{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeMode: Filesystem, selector: {matchLabels: {x: z}, matchExpressions: [{key: k, operator: In, values: [v, w]}]}, dataSource: {kind: PersistentVolumeClaim, name: other}, resources: {limits: {storage: 9Gi}, requests: {storage: 2Gi}}}}]`,
			two,
		},
	} {
		for _, how := range [][]string{{"apply"}, {"apply", "--server-side"}} {
			t.Run(name+" by "+strings.Join(how, " "), func(t *testing.T) {
				w := accepting(t)
				w.says(append(how, "-f", w.file(manifest(test.was)))...)
				made := w.stored()
				change := w.file(manifest(test.is))
				w.says(append(how, "-f", change)...)
				once := w.stored()
				w.Must(wants(once, test.record))
				if !equality.Semantic.DeepEqual(once.Spec, made.Spec) || once.Generation != made.Generation {
					t.Errorf("the set has changed: it is\n%+v\nand was\n%+v", once, made)
				}
				w.showsNoDiff(change, how[1:]...)
				w.says(append(how, "-f", change)...)
				if again := w.stored(); !equality.Semantic.DeepEqual(written(again), written(once)) {
					t.Errorf("applied again it is\n%+v\nand was\n%+v", again, once)
				}
			})
		}
	}
}

// The whole way: claims grow under pods that run on, and new ones are made so.
func TestAnApplyOfALargerTemplateGrowsClaims(t *testing.T) {
	w := accepting(t)
	text := strings.Replace(manifest(small), "replicas: 0", "replicas: 2", 1)
	w.says("apply", "-f", w.file(text))
	w.Eventually(w.Ready("web", 2))
	w.Forget()
	w.says("apply", "-f", w.file(strings.Replace(text, "1Gi", "2Gi", 1)))
	w.Eventually(w.hasGrown("data-web-0", "2Gi"))
	w.Eventually(w.hasGrown("data-web-1", "2Gi"))
	w.NothingElseHappened()
	w.says("scale", "sts/web", "--replicas=3")
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.sizes(map[string]string{"data-web-2": "2Gi"}))
}

// What goes on around it leaves the record as it is, and applying it all the time changes
// nothing else.
func TestARecordLastsWhateverElseIsWritten(t *testing.T) {
	for name, how := range map[string][]string{"client-side": nil, "server-side": {"--server-side", "--force-conflicts"}} {
		t.Run(name, func(t *testing.T) {
			w := accepting(t)
			text := strings.Replace(manifest(of("2Gi")), "  replicas: 0\n", "", 1) // an autoscaler has them
			w.says(append([]string{"apply", "-f", w.file(strings.Replace(text, "2Gi", "1Gi", 1))}, how...)...)
			apply := append([]string{"apply", "-f", w.file(text)}, how...)
			w.says(apply...)
			others := [][]string{
				{"scale", "sts/web", "--replicas=2"}, {"annotate", "sts/web", "a=b"}, {"label", "sts/web", "a=b"},
				{"patch", "sts/web", "-p", `{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}`},
				{"set", "image", "sts/web", "web=web:2"}, {"rollout", "restart", "sts/web"}, {"rollout", "undo", "sts/web"},
			}
			const rounds = 20
			for round := range rounds {
				w.says(others[round%len(others)]...)
				w.applies("somebody", `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","labels":{"c":"d"}}}`)
				w.Must(wants(w.stored(), two))
				w.says(apply...)
				w.Must(wants(w.stored(), two))
			}
			if set := w.stored(); *set.Spec.Replicas != 2 || set.Annotations["a"] != "b" || set.Labels["c"] != "d" {
				t.Errorf("the others' changes are lost: %+v", set)
			}
		})
	}
}

// applies a part of a set on the server, in somebody's name. kubectl would take over what it
// has applied before.
func (w *scene) applies(name, part string) {
	w.Helper()
	_, err := w.Client.AppsV1().StatefulSets(w.Namespace).Patch(w.Ctx, "web", types.ApplyPatchType, []byte(part), metav1.PatchOptions{FieldManager: name})
	w.Must(err)
}

func TestARecordLastsThroughReadingAndWritingTheWholeSet(t *testing.T) {
	w := accepting(t)
	w.says("apply", "-f", w.file(manifest(small)))
	w.says("apply", "-f", w.file(manifest(of("2Gi"))))
	w.change(func(s *appsv1.StatefulSet) { s.Spec.MinReadySeconds = 1 })
	w.Must(wants(w.stored(), two))
	w.soon(func() error {
		_, err := w.runsKubectl("replace", "-f", w.file(w.says("get", "sts/web", "-o", "yaml")))
		return err // another version, while the controller writes a status
	})
	w.Must(wants(w.stored(), two))
}

// Who goes back to the templates that the set was made with ends the record.
func TestGoingBackEndsTheRecord(t *testing.T) {
	for name, how := range map[string][]string{"apply": {"apply"}, "apply server-side": {"apply", "--server-side"}, "replace": {"replace"}} {
		t.Run(name, func(t *testing.T) {
			w := accepting(t)
			if name != "replace" {
				w.says(append(how, "-f", w.file(manifest(small)))...)
			} else {
				w.says("create", "-f", w.file(manifest(small)))
			}
			for range 2 {
				w.says(append(how, "-f", w.file(manifest(of("2Gi"))))...)
				w.Must(wants(w.stored(), two))
				back := w.file(manifest(small))
				w.says(append(how, "-f", back)...)
				w.Must(wants(w.stored(), ""))
				w.showsNoDiff(back, how[1:]...)
			}
		})
	}
}

// kubectl gives what it has applied client-side to its server-side name when it first applies
// so, by a write of managedFields alone. The API server finds a conflict, since what is
// applied is not what is there.
func TestARecordLastsThroughAMoveToServerSideApply(t *testing.T) {
	w := accepting(t)
	w.says("apply", "-f", w.file(manifest(small)))
	w.says("apply", "-f", w.file(manifest(of("2Gi"))))
	watch, err := w.Client.AppsV1().StatefulSets(w.Namespace).Watch(w.Ctx, metav1.SingleObject(w.stored().ObjectMeta))
	w.Must(err)
	defer watch.Stop()
	w.says("apply", "--server-side", "--force-conflicts", "-f", w.file(manifest(of("2Gi"))))
	w.says("annotate", "sts/web", "end=")
	for event := range watch.ResultChan() {
		set := event.Object.(*appsv1.StatefulSet)
		w.Must(wants(set, two))
		if _, end := set.Annotations["end"]; end {
			return
		}
	}
}

// A change by hand is one as well.
func TestClaimTemplatesAreEditedAndPatched(t *testing.T) {
	w := accepting(t)
	w.says("create", "-f", w.file(manifest(small)))
	w.says("edit", "sts/web")
	w.Must(wants(w.stored(), `[{"name":"data","size":"4Gi"}]`))
	w.says("patch", "sts/web", "--type=json", "-p", `[{"op":"replace","path":"/spec/volumeClaimTemplates/0/spec/resources/requests/storage","value":"5Gi"}]`)
	w.Must(wants(w.stored(), `[{"name":"data","size":"5Gi"}]`))
	w.says("annotate", "sts/web", claimtemplates.Annotation+"-")
	w.Must(wants(w.stored(), ""))
}

// Such a set has nothing of Ordinal's.
func TestClaimTemplatesOfOthersAreRefusedAsEver(t *testing.T) {
	w := accepting(t)
	w.says("apply", "-f", w.file(manifest(small)))
	w.says("annotate", "namespace", w.Namespace, fence.LeavingAnnotation+"=db,web")
	w.soon(func() error { return w.refusedAsEver() })
	w.says("annotate", "namespace", w.Namespace, fence.LeavingAnnotation+"-")
	w.says("label", "namespace", w.Namespace, fence.Label+"="+fence.InTree)
	w.soon(func() error { return w.refusedAsEver() })
}

func (w *scene) refusedAsEver() error {
	_, err := w.runsKubectl("apply", "--dry-run=server", "-f", w.file(manifest(of("2Gi"))))
	if err == nil || !strings.Contains(err.Error(), "field is immutable") || strings.Contains(err.Error(), claimadmission.Name) {
		return fmt.Errorf("it is to be refused as ever, and kubectl says %w", errors.Join(err))
	}
	return wants(w.stored(), "")
}

// The most that CEL may cost in the API server is far away.
func TestManyTemplatesAreRecorded(t *testing.T) {
	w := accepting(t)
	const templates = 32
	set := web(replicas(0), unmounted)
	set.Spec.VolumeClaimTemplates = nil
	for i := range templates {
		template := web().Spec.VolumeClaimTemplates[0]
		template.Name, template.Labels, template.Annotations = fmt.Sprint("data-", i), map[string]string{}, map[string]string{}
		for k := range 5 {
			template.Labels[fmt.Sprint("label-", k)] = strings.Repeat("v", 20)
			template.Annotations[fmt.Sprint("annotation-", k)] = strings.Repeat(`"a\b `, 40)
		}
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, template)
	}
	w.create(set)
	w.change(func(s *appsv1.StatefulSet) {
		for i := range s.Spec.VolumeClaimTemplates {
			s.Spec.VolumeClaimTemplates[i].Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
		}
	})
	record, err := claimtemplates.Parse(w.stored().Annotations[claimtemplates.Annotation])
	w.Must(err)
	if len(record) != templates || record[31].Size.String() != "2Gi" || !equality.Semantic.DeepEqual(record[31].Annotations, set.Spec.VolumeClaimTemplates[31].Annotations) {
		t.Errorf("the record is %+v", record)
	}
}
