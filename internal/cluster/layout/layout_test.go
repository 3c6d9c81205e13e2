package layout

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What is deleted with the cluster, and looked for before one begins, is all of it.
func TestEverythingLiesBelowAnEntry(t *testing.T) {
	l := Layout{Root: "/data"}
	v := reflect.ValueOf(l)
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		if method.Type().NumOut() != 1 || method.Type().Out(0).Kind() != reflect.String {
			continue
		}
		args := make([]reflect.Value, method.Type().NumIn())
		for i := range args {
			args[i] = reflect.ValueOf("x")
		}
		path := method.Call(args)[0].String()
		if !slices.ContainsFunc(l.Entries(), func(entry string) bool { return path == entry || strings.HasPrefix(path, entry+"/") }) {
			t.Errorf("%s, %s, is below none of %v", name, path, l.Entries())
		}
	}
}
