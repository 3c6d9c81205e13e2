package apply

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestADryRunIsJudgedByWhatItSaysOfThePod(t *testing.T) {
	pods := corev1.Resource("pods")
	for name, test := range map[string]struct {
		answer               error
		refused, final, fail bool
	}{
		"it is taken":              {nil, false, false, false},
		"it is there":              {apierrors.NewAlreadyExists(pods, "web-0"), false, false, false},
		"it is invalid":            {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web-0", nil), true, true, false},
		"an admission denies it":   {apierrors.NewForbidden(pods, "web-0", errors.New("violates PodSecurity")), true, false, false},
		"a quota is in the way":    {apierrors.NewForbidden(pods, "web-0", errQuota), false, false, false},
		"a webhook takes no tests": {apierrors.NewBadRequest(`admission webhook "a.b.c" does not support dry run`), false, false, false},
		"too many requests":        {apierrors.NewTooManyRequests("later", 1), false, false, true},
		"no answer":                {errors.New("connection reset by peer"), false, false, true},
	} {
		w := newWorld(t, web(1))
		if test.answer != nil {
			w.Refuse["try pods"] = test.answer
		}
		said, err := w.writer.DryRun(t.Context(), w.Set(), map[string]*corev1.Pod{"web-1+x": orphan(0)})
		answer, has := said["web-1+x"]
		if (err != nil) != test.fail || has == test.fail || (answer.Refused != "") != test.refused || answer.Final != test.final {
			t.Errorf("%s: %+v, %v", name, said, err)
		}
		if got := w.PodNames(); len(got) > 0 {
			t.Errorf("%s: pods %v were created", name, got)
		}
	}
}
