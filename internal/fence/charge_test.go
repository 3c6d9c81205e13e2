package fence

import (
	"errors"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestWhatANamespaceSaysOfASet(t *testing.T) {
	for name, test := range map[string]struct {
		says                   Charge
		has, leaving, optedOut bool
	}{
		"nothing":                             {ChargeOf(saying("")), false, false, false},
		"all sets":                            {ChargeOf(saying(Ordinal)), true, false, false},
		"this one":                            {ChargeOf(saying(OrdinalSets, "db,web")), true, false, false},
		"others":                              {ChargeOf(saying(OrdinalSets, "a-web,web-a")), false, false, false},
		"a list without the label":            {ChargeOf(saying("", "web")), false, false, false},
		"a list beside all":                   {ChargeOf(saying(Ordinal, "db")), true, false, false},
		"that it leaves":                      {ChargeOf(saying(Ordinal, "", "", "web")), true, true, false},
		"that all leave":                      {ChargeOf(saying(OrdinalSets, "web", "", All)), true, true, false},
		"that it is the in-tree controller's": {ChargeOf(saying(InTree, "web")), false, false, true},
		"a word that nobody knows":            {ChargeOf(saying("ordnial", "web")), false, false, false},
	} {
		c := test.says
		if c.Has("web") != test.has || c.Leaving("web") != test.leaving || c.OptedOut() != test.optedOut {
			t.Errorf("it says %s: is Ordinal's %t, leaves %t, opted out %t", name, c.Has("web"), c.Leaving("web"), c.OptedOut())
		}
	}
}

func TestTakingASetListsItsClaims(t *testing.T) {
	for name, test := range map[string]struct {
		before                             *appsv1.StatefulSet
		label, sets, claims, leaving, want string
		taken                              []*appsv1.StatefulSet
	}{
		"the first": {want: "ordinal-sets set-claims=data-web,logs-web sets=web", taken: []*appsv1.StatefulSet{setWith("web", "data", "logs")}},
		"another": {label: OrdinalSets, sets: "web", claims: "data-web", leaving: "db",
			want: "ordinal-sets set-claims=data-db,data-web sets=db,web", taken: []*appsv1.StatefulSet{setWith("db", "data")}},
		"all":               {label: OrdinalSets, sets: "web", claims: "data-web", want: "ordinal"},
		"one where all are": {label: Ordinal, want: "ordinal", taken: []*appsv1.StatefulSet{setWith("db", "data")}},
	} {
		label, annotations := Take(saying(test.label, test.sets, test.claims, test.leaving), test.taken...)
		if got := said(&label, annotations); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestASetThatWasMadeAnewMayHaveClaimsThatAreNotListed(t *testing.T) {
	c := ChargeOf(saying(OrdinalSets, "web", "data-web"))
	if got := c.Unlisted(setWith("web", "data", "logs")); fmt.Sprint(got) != "[logs-web]" {
		t.Errorf("unlisted are %v", got)
	}
	if got := ChargeOf(saying(Ordinal)).Unlisted(setWith("web", "data")); got != nil {
		t.Errorf("all claims of a namespace that is Ordinal's are fenced, and %v are said not to be", got)
	}
}

func TestOnlyTheFencesDenialIsOne(t *testing.T) {
	forbidden := func(words string) error {
		return apierrors.NewForbidden(appsv1.Resource("controllerrevisions"), "", errors.New(words))
	}
	for words, want := range map[string]bool{
		"ValidatingAdmissionPolicy 'fence.ordinal.dev' with binding 'fence.ordinal.dev' denied request: " + denial: true,
		"ValidatingAdmissionPolicy 'theirs' with binding 'theirs' denied request: " + denial:                       false,
		"ValidatingAdmissionPolicy 'fence.ordinal.dev' denied request: a policy of theirs, by the same name":       false,
		"User cannot create resource": false,
	} {
		if got := Denied(forbidden(words)); got != want {
			t.Errorf("%s: %t, want %t", words, got, want)
		}
	}
	if Denied(errors.New("'fence.ordinal.dev' " + denial)) {
		t.Error("what is no answer of the API server's is taken for one")
	}
}
