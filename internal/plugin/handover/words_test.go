package handover

import (
	"fmt"
	"reflect"
	"testing"

	"ordinal.dev/ordinal/internal/fence"
)

func TestTargetsAreNamespacesAndSetsOfOne(t *testing.T) {
	for _, test := range []struct {
		args  []string
		named bool
		want  string // targets, or the error
	}{
		{[]string{"db"}, false, "[namespace db]"},
		{[]string{"db", "ns/cache", "db"}, false, "[namespace db namespace cache]"},
		{[]string{"sts/web"}, true, "[sts/web in namespace here]"},
		{[]string{"sts/web", "statefulset/api", "sts/web"}, false, "[sts/api, sts/web in namespace here]"},
		{[]string{"sts/web", "ns/here"}, true, "[namespace here]"},
		{[]string{"web"}, true, `"web" beside -n here is neither: write sts/web for a StatefulSet, or ns/web for a namespace`},
		{[]string{"pod/web-0"}, false, `"pod/web-0" is neither a namespace nor a StatefulSet: write NAMESPACE, or sts/NAME with -n NAMESPACE`},
		{[]string{"sts/"}, false, `"sts/" is neither a namespace nor a StatefulSet: write NAMESPACE, or sts/NAME with -n NAMESPACE`},
		{[]string{""}, false, `"" is neither a namespace nor a StatefulSet: write NAMESPACE, or sts/NAME with -n NAMESPACE`},
	} {
		t.Run(fmt.Sprint(test.args), func(t *testing.T) {
			targets, err := Targets(test.args, "here", test.named)
			got := fmt.Sprint(targets)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestWhatTheRecordMeansForATarget(t *testing.T) {
	whole, one := Target{Namespace: "db"}, Target{Namespace: "db", Sets: []string{"web"}}
	record := func(n fence.NamespaceRecord) *fence.Record {
		n.Name = "db"
		return &fence.Record{Namespaces: []fence.NamespaceRecord{n}}
	}
	for _, test := range []struct {
		name   string
		stage  func(*fence.Record, Target) Stage
		record *fence.Record
		target Target
		want   Stage
	}{
		{"not seen", Taken, &fence.Record{}, whole, Stage{Words: "the controller has not seen the label yet"}},
		{"no record", Taken, nil, whole, Stage{Words: "the controller has not seen the label yet"}},
		{"proving", Taken, record(fence.NamespaceRecord{State: fence.Proving, Why: "refused for 4s of 10s"}), whole,
			Stage{Words: "refused for 4s of 10s"}},
		{"acting", Taken, record(fence.NamespaceRecord{State: fence.Acting}), whole, Stage{Done: true}},
		{"acting for all, of which one", Taken, record(fence.NamespaceRecord{State: fence.Acting}), one, Stage{Done: true}},
		{"acting for that one", Taken, record(fence.NamespaceRecord{State: fence.Acting, Sets: []string{"db", "web"}}), one, Stage{Done: true}},
		{"acting for another", Taken, record(fence.NamespaceRecord{State: fence.Acting, Sets: []string{"db"}}), one,
			Stage{Words: "the controller has not seen yet that the set is Ordinal's"}},
		{"acting for one, of all", Taken, record(fence.NamespaceRecord{State: fence.Acting, Sets: []string{"web"}}), whole,
			Stage{Words: "the controller has not seen yet that the set is Ordinal's"}},
		{"acting for that one while another leaves", Taken, record(fence.NamespaceRecord{State: fence.Leaving, Sets: []string{"db", "web"}}), one, Stage{Done: true}},
		{"left, and taken again before it was seen", Taken, record(fence.NamespaceRecord{State: fence.Left, Sets: []string{"db", "web"}, Left: []string{"web"}}), one,
			Stage{Words: "the controller has not seen yet that it is to stay: it is Left"}},
		{"stopped", Taken, record(fence.NamespaceRecord{State: fence.Stopped, Why: "the binding is gone"}), whole,
			Stage{Stopped: true, Words: "the controller has stopped: the binding is gone"}},
		{"left, and taken again", Taken, record(fence.NamespaceRecord{State: fence.Left}), whole,
			Stage{Words: "the controller has not seen yet that it is to stay: it is Left"}},

		{"leaving", Left, record(fence.NamespaceRecord{State: fence.Leaving, Why: "2 sets left"}), whole,
			Stage{Words: "the controller takes back its conditions and marks: 2 sets left"}},
		{"left", Left, record(fence.NamespaceRecord{State: fence.Left, Left: []string{"*"}}), whole, Stage{Done: true}},
		{"another had left before", Left, record(fence.NamespaceRecord{State: fence.Left, Sets: []string{"db", "web"}, Left: []string{"db"}}), one,
			Stage{Words: "the controller takes back its conditions and marks"}},
		{"one has left", Left, record(fence.NamespaceRecord{State: fence.Acting, Left: []string{"web"}}), one, Stage{Done: true}},
		{"another has left", Left, record(fence.NamespaceRecord{State: fence.Acting, Left: []string{"db"}}), one,
			Stage{Words: "the controller takes back its conditions and marks"}},
		{"one has left, of all", Left, record(fence.NamespaceRecord{State: fence.Leaving, Left: []string{"web"}}), whole,
			Stage{Words: "the controller takes back its conditions and marks"}},
		{"cannot leave", Left, record(fence.NamespaceRecord{State: fence.Stopped, Why: "the fence is down"}), whole,
			Stage{Stopped: true, Words: "the controller has stopped: the fence is down"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.stage(test.record, test.target); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}
