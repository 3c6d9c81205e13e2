package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/api/v1alpha1/crd"
)

// These tests are about policies as the API server takes them, not about what becomes of
// sets.

// policies are those of the test's namespace.
func (w *scene) policies() dynamic.ResourceInterface {
	w.Helper()
	client, err := dynamic.NewForConfig(adminConfig)
	w.Must(err)
	return client.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.PolicyResource)).Namespace(w.Namespace)
}

// policy is one for the set web, as somebody wrote it: what is wrong in it is not put right
// by a type.
func (w *scene) policy(rest string) *unstructured.Unstructured {
	w.Helper()
	o := &unstructured.Unstructured{}
	w.Must(yaml.Unmarshal([]byte("spec: {targetRef: {name: web}}\n"), &o.Object))
	spec := map[string]any{}
	w.Must(yaml.Unmarshal([]byte(rest), &spec))
	for field, value := range spec {
		o.Object["spec"].(map[string]any)[field] = value
	}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.PolicyKind))
	o.SetGenerateName("web-")
	return o
}

func TestPoliciesAreServedFromTheStart(t *testing.T) {
	w := newScene(t)
	client, err := apiextensions.NewForConfig(adminConfig)
	w.Must(err)
	wanted := &apiextensionsv1.CustomResourceDefinition{}
	w.Must(yaml.UnmarshalStrict(crd.StatefulSetPolicies, wanted))
	found, err := client.ApiextensionsV1().CustomResourceDefinitions().Get(w.Ctx, wanted.Name, metav1.GetOptions{})
	w.Must(err)
	if !apihelpers.IsCRDConditionTrue(found, apiextensionsv1.Established) {
		t.Errorf("it is not established: %+v", found.Status.Conditions)
	}
	if problem := apihelpers.FindCRDCondition(found, apiextensionsv1.NonStructuralSchema); problem != nil {
		t.Errorf("its schema is not structural: %+v", problem)
	}
	// A start writes it unless it is so already, so nothing else may be added.
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&wanted.Spec)
	if !equality.Semantic.DeepEqual(found.Spec, wanted.Spec) {
		t.Errorf("it is stored as\n%+v\nand not as\n%+v", found.Spec, wanted.Spec)
	}
}

func TestPoliciesThatAreRightAreAccepted(t *testing.T) {
	for name, spec := range map[string]string{
		"nothing but a target": ``,
		"all there is for roll-outs": `
role: {label: role}
rollout:
  paused: true
  progressDeadlineSeconds: 600
  onFailure: Revert
  last: [replica, primary]
  inPlace: {mode: IfPossible, deferredTimeoutSeconds: 60, onInfeasible: Recreate}
  canary: {pods: 1, holdSeconds: 900}
  disruption: Evict`,
		"all there is for members": `
scaling:
  reservedOrdinals: ["1", "5-7", "9-9"]
  leave:
    httpPost: {port: 8080, path: /leave}
    timeoutSeconds: 3600
    onFailure: Block
    cancel: {httpDelete: {port: 8080, path: /leave}}
members:
  overrides: [{ordinals: ["0"], template: {metadata: {labels: {disk: fast}}, spec: {nodeSelector: {disk: fast}}}}]
deletion: {order: Reverse}`,
		"a join in a peer":               `scaling: {join: {exec: {container: app, command: [member, add, $(POD)]}, timeoutSeconds: 60, onFailure: Continue}}`,
		"a leave after the pod":          `scaling: {leave: {exec: {pod: Peer, command: [forget, $(POD)]}, when: After}}`,
		"all there is for claims":        `claims: {templates: [{name: data, size: 20Gi, volumeAttributesClassName: gold, labels: {a: b}, annotations: {a: b}}], onLost: Wait}`,
		"sizes as numbers":               `claims: {templates: [{name: data, size: 1073741824}]}`,
		"a claim that is added":          `claims: {templates: [{name: wal, size: 1Gi, accessModes: [ReadWriteOncePod], storageClassName: fast}]}`,
		"a canary until it is approved":  `rollout: {canary: {pods: 2, until: Approved}}`,
		"a deadline alone":               `rollout: {progressDeadlineSeconds: 1}`,
		"a label's key of a long domain": `role: {label: ` + strings.Repeat("a", 253) + `/` + strings.Repeat("b", 63) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newScene(t)
			made, err := w.policies().Create(w.Ctx, w.policy(spec), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
			w.Must(err)
			// The target may be named again, as who applies a manifest does.
			w.Must(w.retarget(made, "web"))
		})
	}
}

func TestPoliciesThatAreWrongAreRefusedInWords(t *testing.T) {
	for name, test := range map[string]struct{ spec, says string }{
		"a canary that waits for nothing": {
			`rollout: {canary: {pods: 1}}`,
			"spec.rollout.canary: Invalid value: set one of holdSeconds, to wait for a time, and until: Approved, to wait for kubectl ordinal approve",
		},
		"a canary that waits for two things": {
			`rollout: {canary: {pods: 1, holdSeconds: 900, until: Approved}}`,
			"spec.rollout.canary: Invalid value: set one of holdSeconds",
		},
		"a failure that never is": {
			`rollout: {onFailure: Revert}`,
			"onFailure needs progressDeadlineSeconds, which says when a roll-out has failed",
		},
		"roles that nobody tells": {`rollout: {last: [primary]}`, "rollout.last needs role, which says how a pod's role is told"},
		"another way to fail":     {`rollout: {progressDeadlineSeconds: 60, onFailure: Panic}`, `supported values: "Hold", "Revert"`},
		"another disruption":      {`rollout: {disruption: Drain}`, `supported values: "Delete", "Evict"`},
		"another way in place":    {`rollout: {inPlace: {mode: Always}}`, `supported values: "Never", "IfPossible", "Only"`},
		"a canary of no pod":      {`rollout: {canary: {pods: 0, holdSeconds: 900}}`, "spec.rollout.canary.pods: Invalid value: 0: spec.rollout.canary.pods in body should be greater than or equal to 1"},
		"a role twice":            {`{role: {label: role}, rollout: {last: [primary, primary]}}`, "names a role twice: a pod has one place in the order"},
		"a range the wrong way":   {`scaling: {reservedOrdinals: ["7-5"]}`, `must be a range from the lower ordinal to the higher, such as "5-7"`},
		"an ordinal in words":     {`scaling: {reservedOrdinals: ["one"]}`, `must be an ordinal, such as "1", or a range with both ends, such as "5-7"`},
		"an ordinal with a zero":  {`scaling: {reservedOrdinals: ["01"]}`, `must be an ordinal, such as "1"`},
		"a join of nothing":       {`scaling: {join: {timeoutSeconds: 5}}`, "set exactly one of exec, httpGet and httpPost"},
		"a join of two kinds":     {`scaling: {join: {exec: {command: [join]}, httpGet: {port: 80}}}`, "set exactly one of exec, httpGet and httpPost"},
		"a leave of nothing":      {`scaling: {leave: {timeoutSeconds: 5}}`, "set exactly one of exec, httpGet, httpPost and httpDelete"},
		"a leave after the end":   {`scaling: {leave: {exec: {command: [leave]}, when: After}}`, "when: After needs exec with pod: Peer, since the pod itself is gone by then"},
		"a claim of nothing":      {`claims: {templates: [{name: data, size: 0}]}`, "must be more than 0, such as 20Gi"},
		"a claim below nothing":   {`claims: {templates: [{name: data, size: "-1Gi"}]}`, "must be more than 0, such as 20Gi"},
		"a claim twice":           {`claims: {templates: [{name: data, size: 1Gi}, {name: data, size: 2Gi}]}`, "Duplicate value"},
		"an override of a name":   {`members: {overrides: [{ordinals: ["0"], template: {metadata: {name: other}}}]}`, `unknown field "spec.members.overrides[0].template.metadata.name"`},
		"an override of nothing":  {`members: {overrides: [{ordinals: ["0"], template: {}}]}`, "is empty: set metadata or spec"},
		"an override of a label":  {`members: {overrides: [{ordinals: ["0"], template: {metadata: {labels: {controller-revision-hash: x}}}}]}`, "cannot have the labels by which a StatefulSet tells its pods"},
		"an override of our own":  {`members: {overrides: [{ordinals: ["0"], template: {metadata: {annotations: {ordinal.dev/override: x}}}}]}`, "cannot have keys of ordinal.dev/, which are the controller's own"},
		"another deletion":        {`deletion: {order: Forward}`, `supported values: "Any", "Reverse"`},
		"no target":               {`targetRef: {}`, "spec.targetRef.name: Required value"},
		"a field that is not one": {`rollout: {pause: true}`, `unknown field "spec.rollout.pause"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newScene(t)
			_, err := w.policies().Create(w.Ctx, w.policy(test.spec), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
			if !(apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the API server answered %v, and not %q", err, test.says)
			}
		})
	}
}

func TestAPolicyKeepsItsTarget(t *testing.T) {
	w := newScene(t)
	made, err := w.policies().Create(w.Ctx, w.policy(""), metav1.CreateOptions{})
	w.Must(err)
	err = w.retarget(made, "db")
	says := "spec.targetRef: Invalid value: cannot be changed: delete this policy and create one for the other StatefulSet"
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says) {
		t.Errorf("the API server answered %v, and not %q", err, says)
	}
}

// retarget has a policy be for a set, as of what it is now: its status is the controller's.
func (w *scene) retarget(policy *unstructured.Unstructured, set string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{"for":%[1]q}},"spec":{"targetRef":{"name":%[1]q}}}`, set)
	_, err := w.policies().Patch(w.Ctx, policy.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// Who may edit or view what is in a namespace may do so with its policies, by roles that a
// controller of upstream's adds to those after the start.
func TestPoliciesAreWrittenByWhoMayEditAndReadByWhoMayView(t *testing.T) {
	w := newScene(t)
	for role, may := range map[string]map[string]bool{
		"view":  {"list": true, "create": false, "delete": false},
		"edit":  {"list": true, "create": true, "delete": true},
		"admin": {"list": true, "create": true, "delete": true},
	} {
		_, err := w.Client.RbacV1().RoleBindings(w.Namespace).Create(w.Ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role + "er"}},
		}, metav1.CreateOptions{})
		w.Must(err)
		for verb, wanted := range may {
			w.soon(func() error { return w.allowed(role+"er", verb, wanted) })
		}
	}
}

// allowed objects unless a user may do something with policies, or may not.
func (w *scene) allowed(user, verb string, wanted bool) error {
	review, err := w.Client.AuthorizationV1().SubjectAccessReviews().Create(w.Ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: w.Namespace, Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: v1alpha1.PolicyResource,
		}},
	}, metav1.CreateOptions{})
	if err == nil && review.Status.Allowed != wanted {
		err = fmt.Errorf("%s may %s policies: %t", user, verb, review.Status.Allowed)
	}
	return err
}

// soon is for what no event in the namespace tells of: it asks ten times a second until
// there is nothing left to object to.
func (w *scene) soon(check func() error) {
	w.Helper()
	w.soonWithin(time.Minute, check)
}

func (w *scene) soonWithin(within time.Duration, check func() error) {
	w.Helper()
	const every = 100 * time.Millisecond
	var objection error
	err := wait.PollUntilContextTimeout(w.Ctx, every, within, true, func(context.Context) (bool, error) {
		objection = check()
		return objection == nil, nil
	})
	if err != nil {
		w.Fatalf("not within %s: %v", within, objection)
	}
}
