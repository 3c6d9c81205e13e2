package report

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

func TestTheStatusOfASetThatWaitsStaysThatOfItsGeneration(t *testing.T) {
	written := appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 3, CurrentReplicas: 3, Replicas: 3}
	for _, test := range []struct{ made, want appsv1.StatefulSetStatus }{
		{
			appsv1.StatefulSetStatus{ObservedGeneration: 2, UpdateRevision: "web-B", CurrentRevision: "web-A", CurrentReplicas: 2, Replicas: 2, ReadyReplicas: 1},
			appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 2, CurrentReplicas: 2, Replicas: 2, ReadyReplicas: 1},
		}, {
			appsv1.StatefulSetStatus{ObservedGeneration: 2, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 1, CurrentReplicas: 1, Replicas: 2},
			appsv1.StatefulSetStatus{ObservedGeneration: 1, UpdateRevision: "web-A", CurrentRevision: "web-A", UpdatedReplicas: 1, CurrentReplicas: 1, Replicas: 2},
		},
	} {
		if inLine(&written, &test.made); !equality.Semantic.DeepEqual(test.made, test.want) {
			t.Errorf("got %+v\nwant %+v", test.made, test.want)
		}
	}
}
