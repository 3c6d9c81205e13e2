package revision_test

import (
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/revision"
)

// Where in a revision's data something may be.
const (
	template  = `{"spec":{"template":?}}`
	pod       = `{"spec":{"template":{"spec":?}}}`
	container = `{"spec":{"template":{"spec":{"containers":[?]}}}}`
	initial   = `{"spec":{"template":{"spec":{"initContainers":[?]}}}}`
	probe     = `{"spec":{"template":{"spec":{"containers":[{"livenessProbe":?}]}}}}`
	volume    = `{"spec":{"template":{"spec":{"volumes":[?]}}}}`
)

// templates is two that differ in one place.
type templates struct{ where, a, b string }

// are reports whether they are the same, in either direction, which must not matter.
func (p templates) are(t *testing.T) (same bool) {
	a, b := []byte(strings.Replace(p.where, "?", p.a, 1)), []byte(strings.Replace(p.where, "?", p.b, 1))
	same = revision.SameTemplate(a, b)
	if revision.SameTemplate(b, a) != same {
		t.Errorf("%s is the same as %s, but not the other way round, or the reverse", a, b)
	}
	return same
}

func TestTemplatesThatDifferInDefaultsAreTheSame(t *testing.T) {
	for name, pair := range map[string]templates{
		"themselves":                      {template, `{"a":1}`, `{"a":1}`},
		"null":                            {template, `{"metadata":{"creationTimestamp":null}}`, `{}`},
		"null for a default":              {probe, `{"grpc":{"service":null}}`, `{"grpc":{"service":""}}`},
		"empty list":                      {container, `{"args":[]}`, `{}`},
		"empty lists":                     {container, `{"args":[]}`, `{"args":null}`},
		"restart policy":                  {pod, `{"restartPolicy":"Always"}`, `{}`},
		"a pod's grace":                   {pod, `{"terminationGracePeriodSeconds":30}`, `{}`},
		"empty security context of a pod": {pod, `{"securityContext":{}}`, `{}`},
		"no resources":                    {initial, `{"resources":{}}`, `{}`},
		"a port's protocol":               {container, `{"ports":[{"port":1}]}`, `{"ports":[{"port":1,"protocol":"TCP"}]}`},
		"a probe's path and scheme":       {probe, `{"httpGet":{"port":1}}`, `{"httpGet":{"port":1,"path":"/","scheme":"HTTP"}}`},
		"no volume":                       {volume, `{"emptyDir":{}}`, `{}`},
		"mode of a secret":                {volume, `{"secret":{}}`, `{"secret":{"defaultMode":420}}`},
		"pull policy of a tag":            {container, `{"image":"a:1"}`, `{"image":"a:1","imagePullPolicy":"IfNotPresent"}`},
		"pull policy of no tag":           {container, `{"image":"r:5000/a"}`, `{"image":"r:5000/a","imagePullPolicy":"Always"}`},
		"pull policy of latest":           {initial, `{"image":"a:latest"}`, `{"image":"a:latest","imagePullPolicy":"Always"}`},
		"pull policy of a digest":         {container, `{"image":"a@sha256:0"}`, `{"image":"a@sha256:0","imagePullPolicy":"IfNotPresent"}`},
		"pull policy of no image":         {container, `{"imagePullPolicy":"IfNotPresent"}`, `{}`},
		"pull policy of an image volume":  {volume, `{"image":{"reference":"a:1"}}`, `{"image":{"reference":"a:1","pullPolicy":"IfNotPresent"}}`},
		"an optional key of a file":       {container, `{"env":[{"valueFrom":{"fileKeyRef":{}}}]}`, `{"env":[{"valueFrom":{"fileKeyRef":{"optional":false}}}]}`},
		"a disk that can be written":      {volume, `{"azureDisk":{}}`, `{"azureDisk":{"readOnly":false,"kind":"Shared"}}`},
		"a limit in other words":          {container, `{"resources":{"limits":{"memory":"1G"}}}`, `{"resources":{"limits":{"memory":"1e9"}}}`},
		"a request of a pod":              {pod, `{"resources":{"requests":{"cpu":"1"}}}`, `{"resources":{"requests":{"cpu":"1000m"}}}`},
		"the size of a volume":            {volume, `{"emptyDir":{"sizeLimit":"1Gi"}}`, `{"emptyDir":{"sizeLimit":"1024Mi"}}`},
		"old name of the service account": {pod, `{"serviceAccountName":"x"}`, `{"serviceAccountName":"x","serviceAccount":"x"}`},
	} {
		if !pair.are(t) {
			t.Errorf("%s: in %s, %s makes another template than %s", name, pair.where, pair.a, pair.b)
		}
	}
}

func TestTemplatesThatDifferInMeaningAreNotTheSame(t *testing.T) {
	for name, pair := range map[string]templates{
		"a value":                           {template, `{"a":1}`, `{"a":2}`},
		"a value of another kind":           {template, `{"a":{}}`, `{"a":[]}`},
		"a list of another length":          {template, `{"a":[1]}`, `{"a":[1,2]}`},
		"a list in another order":           {template, `{"a":[1,2]}`, `{"a":[2,1]}`},
		"a list and no list":                {template, `{"a":[]}`, `{"a":{}}`},
		"false is not absent":               {pod, `{"automountServiceAccountToken":false}`, `{}`},
		"a selector of everything":          {pod, `{"labelSelector":{}}`, `{}`},
		"another than the default":          {pod, `{"restartPolicy":"Never"}`, `{}`},
		"another limit":                     {container, `{"resources":{"limits":{"memory":"1G"}}}`, `{"resources":{"limits":{"memory":"1Gi"}}}`},
		"a limit and none":                  {container, `{"resources":{"limits":{"memory":"0"}}}`, `{"resources":{"limits":{}}}`},
		"a limit that is not text":          {container, `{"resources":{"limits":{"memory":1}}}`, `{"resources":{"limits":{"memory":"1"}}}`},
		"two limits that are none":          {container, `{"resources":{"limits":{"memory":"a"}}}`, `{"resources":{"limits":{"memory":"b"}}}`},
		"an argument that reads as one":     {container, `{"args":["1G"]}`, `{"args":["1e9"]}`},
		"a label that reads as one":         {template, `{"metadata":{"labels":{"limits":"1G"}}}`, `{"metadata":{"labels":{"limits":"1e9"}}}`},
		"a sidecar":                         {initial, `{"name":"a","restartPolicy":"Always"}`, `{"name":"a"}`},
		"a probe's grace":                   {probe, `{"terminationGracePeriodSeconds":30}`, `{}`},
		"a label that is named as a field":  {template, `{"metadata":{"labels":{"restartPolicy":"Always"}}}`, `{"metadata":{"labels":{}}}`},
		"a node that is chosen by a field":  {pod, `{"nodeSelector":{"a":"b","schedulerName":"default-scheduler"}}`, `{"nodeSelector":{"a":"b"}}`},
		"the default of another field":      {container, `{"protocol":"TCP"}`, `{}`},
		"a security context":                {pod, `{"securityContext":{"runAsUser":0}}`, `{}`},
		"another pull policy":               {container, `{"image":"a:1","imagePullPolicy":"Always"}`, `{"image":"a:1"}`},
		"another policy of an image volume": {volume, `{"image":{"reference":"a:1","pullPolicy":"Always"}}`, `{"image":{"reference":"a:1"}}`},
		"a pull policy of something else":   {volume, `{"x":{"reference":"a:1","pullPolicy":"IfNotPresent"}}`, `{"x":{"reference":"a:1"}}`},
		"another service account":           {pod, `{"serviceAccountName":"x","serviceAccount":"y"}`, `{"serviceAccountName":"x"}`},
		"a container's service account":     {container, `{"serviceAccountName":"x","serviceAccount":"x"}`, `{"serviceAccountName":"x"}`},
		"another field of an image volume":  {volume, `{"image":{"reference":"a:1","x":"IfNotPresent"}}`, `{"image":{"reference":"a:1"}}`},
		"no JSON":                           {`?`, `{`, `{`},
		"no JSON and nothing":               {`?`, `{`, `{}`},
	} {
		if pair.are(t) {
			t.Errorf("%s: in %s, %s makes the same template as %s", name, pair.where, pair.a, pair.b)
		}
	}
}
