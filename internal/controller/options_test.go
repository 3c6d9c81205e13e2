package controller

import (
	"math"
	"testing"
)

func TestFlagsSetOptionsAndRefuseNonsense(t *testing.T) {
	for _, test := range []struct {
		edit func(*Options)
		ok   bool
	}{
		{func(*Options) {}, true},
		{func(o *Options) { o.Workers = 0 }, false},
		{func(o *Options) { o.QPS = 0 }, false},
		{func(o *Options) { o.QPS = float32(math.NaN()) }, false},
	} {
		o := DefaultOptions()
		test.edit(&o)
		if err := o.validate(); (err == nil) != test.ok {
			t.Errorf("%+v: %v", o, err)
		}
	}
	var list featureList
	if err := list.Set("heal, back-off"); err != nil || list.String() != "heal,back-off" {
		t.Errorf("%q, %v", list.String(), err)
	}
	if err := list.Set("heel"); err == nil {
		t.Error("a misspelt feature is accepted")
	}
}
