package health

import (
	"fmt"
	"os"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	healthy     = "Healthy"
	suspended   = "Suspended"
	progressing = "Progressing"
	degraded    = "Degraded"
)

func TestOurScriptForArgoCDIsRight(t *testing.T) {
	said := map[string]int{}
	forEachState(t, func(t *testing.T, s *state) {
		want := healthy
		switch {
		case s.Set.GetDeletionTimestamp() != nil:
			return // Argo CD says Progressing and does not ask
		case s.is("Stalled"):
			want = degraded
		case !s.RolledOut || s.is("Progressing"):
			want = progressing
		case s.number(0, "status", "updatedReplicas") < s.wanted():
			want = suspended
		}
		is, message := runScript(t, s.Set.Object)
		if is != want || message == "" {
			t.Errorf("it is %s (%s), want %s; %v", is, message, want, s.Set.Object)
		}
		if available, why := s.condition("Available"); is == progressing && available == "False" && message != why {
			t.Errorf("it says %q in place of %q", message, why)
		}
		said[is]++
	})
	if len(said) != 4 {
		t.Errorf("it says only %v", said)
	}
	t.Log(said)
}

// Sets of other controllers have none of Ordinal's conditions.
func TestOurScriptForArgoCDIsRightByTheNumbers(t *testing.T) {
	forEachState(t, func(t *testing.T, s *state) {
		if s.Set.GetDeletionTimestamp() != nil || s.is("Stalled") {
			return
		}
		set := s.Set.DeepCopy().Object
		unstructured.RemoveNestedField(set, "status", "conditions")
		is, message := runScript(t, set)
		if isUp := is == healthy || is == suspended; isUp != s.RolledOut {
			t.Errorf("it is %s (%s), and rolled out: %t; %v", is, message, s.RolledOut, set)
		}
	})
}

func TestOurScriptForArgoCDWaitsForTheController(t *testing.T) {
	status := map[string]any{"observedGeneration": int64(1), "replicas": int64(1), "availableReplicas": int64(1), "updatedReplicas": int64(1)}
	for name, test := range map[string]struct {
		set  map[string]any
		want string
	}{
		"it has seen it":               {map[string]any{"metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{}, "status": status}, healthy},
		"it has not seen it":           {map[string]any{"metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{}}, progressing},
		"it has not seen the last one": {map[string]any{"metadata": map[string]any{"generation": int64(2)}, "spec": map[string]any{}, "status": status}, progressing},
	} {
		if is, message := runScript(t, test.set); is != test.want {
			t.Errorf("%s: it is %s (%s), want %s", name, is, message, test.want)
		}
	}
}

// runScript runs it as Argo CD does, with the libraries that there are by default.
func runScript(t *testing.T, set map[string]any) (status, message string) {
	t.Helper()
	script, err := os.ReadFile("../../docs/argocd-health.lua")
	if err != nil {
		t.Fatal(err)
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			t.Fatal(err)
		}
	}
	l.SetGlobal("obj", luaValue(l, set))
	if err := l.DoString(string(script)); err != nil {
		t.Fatal(err)
	}
	said, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %s", l.Get(-1))
	}
	return lua.LVAsString(said.RawGetString("status")), lua.LVAsString(said.RawGetString("message"))
}

// luaValue is a value of JSON in Lua.
func luaValue(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case map[string]any:
		table := l.NewTable()
		for key, element := range v {
			table.RawSetString(key, luaValue(l, element))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, element := range v {
			table.Append(luaValue(l, element))
		}
		return table
	}
	panic(fmt.Sprintf("%T is no value of JSON", value))
}

// Without the script Argo CD overlooks some of what Ordinal says, and what any controller
// does; never that pods are missing or outdated.
func TestArgoCDByItselfIsRight(t *testing.T) {
	overlooked := map[string]int{}
	forEachState(t, func(t *testing.T, s *state) {
		if s.Set.GetDeletionTimestamp() != nil {
			return
		}
		is := builtIn(s)
		switch {
		case s.is("Stalled"):
			overlooked["that only a person can help"]++
		case (is == healthy) == s.RolledOut:
		case is == healthy && s.hasMore():
			overlooked["pods that are still to go"]++
		case is == healthy && s.hasOnlyReady():
			overlooked["that a pod is ready, and not yet for minReadySeconds"]++
		case is == healthy && s.strategy() == "Recreate" && !s.areUpdated():
			overlooked["pods of a set with Recreate that are about to have another override"]++
		default:
			t.Errorf("it is %s; %v", is, s.Set.Object)
		}
	})
	if len(overlooked) != 4 {
		t.Error("docs/integrations.md names four things that Argo CD overlooks")
	}
	for what, n := range overlooked {
		t.Logf("Argo CD overlooks %s: %d states", what, n)
	}
}

// builtIn is what Argo CD says of a StatefulSet without a script
// (gitops-engine/pkg/health/health_statefulset.go): three questions, about ready pods.
func builtIn(s *state) string {
	replicas := s.wanted()
	seen, generation := s.number(0, "status", "observedGeneration"), s.number(0, "metadata", "generation")
	switch strategy := s.strategy(); {
	case seen == 0 || seen < generation, s.number(0, "status", "readyReplicas") < replicas:
		return progressing
	case strategy == "RollingUpdate" && s.number(0, "status", "updatedReplicas") < replicas-s.number(0, "spec", "updateStrategy", "rollingUpdate", "partition"):
		return progressing
	case strategy != "RollingUpdate" && strategy != "OnDelete" && s.word("status", "updateRevision") != s.word("status", "currentRevision"):
		return progressing
	}
	return healthy
}
