package revision_test

import (
	"testing"

	"ordinal.dev/ordinal/internal/revision"
)

func TestTemplatesThatDifferInDefaultsAreTheSame(t *testing.T) {
	for name, pair := range map[string][2]string{
		"themselves":                      {`{"a":1}`, `{"a":1}`},
		"null":                            {`{"metadata":{"creationTimestamp":null}}`, `{}`},
		"null for a default":              {`{"grpc":{"service":null}}`, `{"grpc":{"service":""}}`},
		"empty list":                      {`{"args":[]}`, `{}`},
		"empty lists":                     {`{"args":[]}`, `{"args":null}`},
		"restart policy":                  {`{"restartPolicy":"Always"}`, `{}`},
		"empty security context":          {`{"securityContext":{}}`, `{}`},
		"no resources":                    {`{"resources":{}}`, `{}`},
		"a port's protocol":               {`{"ports":[{"port":1}]}`, `{"ports":[{"port":1,"protocol":"TCP"}]}`},
		"a probe's path and scheme":       {`{"httpGet":{"port":1}}`, `{"httpGet":{"port":1,"path":"/","scheme":"HTTP"}}`},
		"mode of a secret":                {`{"secret":{}}`, `{"secret":{"defaultMode":420}}`},
		"pull policy of a tag":            {`{"image":"a:1"}`, `{"image":"a:1","imagePullPolicy":"IfNotPresent"}`},
		"pull policy of no tag":           {`{"image":"r:5000/a"}`, `{"image":"r:5000/a","imagePullPolicy":"Always"}`},
		"pull policy of latest":           {`{"image":"a:latest"}`, `{"image":"a:latest","imagePullPolicy":"Always"}`},
		"pull policy of a digest":         {`{"image":"a@sha256:0"}`, `{"image":"a@sha256:0","imagePullPolicy":"IfNotPresent"}`},
		"pull policy of no image":         {`{"imagePullPolicy":"IfNotPresent"}`, `{}`},
		"pull policy of an image volume":  {`{"image":{"reference":"a:1"}}`, `{"image":{"reference":"a:1","pullPolicy":"IfNotPresent"}}`},
		"an optional key of a file":       {`{"fileKeyRef":{}}`, `{"fileKeyRef":{"optional":false}}`},
		"a disk that can be written":      {`{"azureDisk":{}}`, `{"azureDisk":{"readOnly":false,"kind":"Shared"}}`},
		"old name of the service account": {`{"serviceAccountName":"x"}`, `{"serviceAccountName":"x","serviceAccount":"x"}`},
	} {
		for range 2 { // in either direction
			if !revision.SameTemplate([]byte(pair[0]), []byte(pair[1])) {
				t.Errorf("%s: %s is another template than %s", name, pair[0], pair[1])
			}
			pair[0], pair[1] = pair[1], pair[0]
		}
	}
}

func TestTemplatesThatDifferInMeaningAreNotTheSame(t *testing.T) {
	for name, pair := range map[string][2]string{
		"a value":                           {`{"a":1}`, `{"a":2}`},
		"a value of another kind":           {`{"a":{}}`, `{"a":[]}`},
		"a list of another length":          {`{"a":[1]}`, `{"a":[1,2]}`},
		"a list in another order":           {`{"a":[1,2]}`, `{"a":[2,1]}`},
		"a list and no list":                {`{"a":[]}`, `{"a":{}}`},
		"false is not absent":               {`{"automountServiceAccountToken":false}`, `{}`},
		"a selector of everything":          {`{"labelSelector":{}}`, `{}`},
		"another than the default":          {`{"restartPolicy":"Never"}`, `{}`},
		"the default of another field":      {`{"protocol":"TCP"}`, `{}`},
		"a security context":                {`{"securityContext":{"runAsUser":0}}`, `{}`},
		"another pull policy":               {`{"image":"a:1","imagePullPolicy":"Always"}`, `{"image":"a:1"}`},
		"another policy of an image volume": {`{"image":{"reference":"a:1","pullPolicy":"Always"}}`, `{"image":{"reference":"a:1"}}`},
		"a pull policy of something else":   {`{"x":{"reference":"a:1","pullPolicy":"IfNotPresent"}}`, `{"x":{"reference":"a:1"}}`},
		"another service account":           {`{"serviceAccountName":"x","serviceAccount":"y"}`, `{"serviceAccountName":"x"}`},
		"another field of an image volume":  {`{"image":{"reference":"a:1","x":"IfNotPresent"}}`, `{"image":{"reference":"a:1"}}`},
		"no JSON":                           {`{`, `{`},
		"no JSON and nothing":               {`{`, `{}`},
	} {
		for range 2 {
			if revision.SameTemplate([]byte(pair[0]), []byte(pair[1])) {
				t.Errorf("%s: %s is the same template as %s", name, pair[0], pair[1])
			}
			pair[0], pair[1] = pair[1], pair[0]
		}
	}
}
