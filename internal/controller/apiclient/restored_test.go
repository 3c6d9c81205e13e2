package apiclient

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// storeAt answers lists of sets at a version.
type storeAt struct {
	client.Reader
	version string
	err     error
}

func (s *storeAt) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*appsv1.StatefulSetList).ResourceVersion = s.version
	return s.err
}

type cachesAt string

func (c cachesAt) Version(kinds.Kind) string                             { return string(c) }
func (c cachesAt) Object(kinds.Kind, types.NamespacedName) metav1.Object { return nil }

func TestAStoreThatWentBackEndsTheController(t *testing.T) {
	for name, now := range map[string]storeAt{
		"as new":        {version: "1000"},
		"newer":         {version: "10000"},
		"out of reach":  {version: "999", err: errors.New("connection refused")},
		"without count": {version: ""},
	} {
		if err := (StoreCheck{Seen: cachesAt("1000"), Live: &now}).check(t.Context()); err != nil {
			t.Errorf("%s: %v, want the controller to go on", name, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := StoreCheck{cachesAt("1000"), &storeAt{version: "999"}, time.Minute}.Start(ctx)
		if err == nil || !strings.Contains(err.Error(), "restored from a backup") {
			t.Errorf("ended with %v, want the reason", err)
		}
	})
}
