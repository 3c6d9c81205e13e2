package revision

import (
	"encoding/json"
	"path"
	"reflect"
	"strings"
)

// SameTemplate reports whether two revisions' data ask for the same pods: they
// are equal, or differ only in fields that one of them leaves to a default of
// the API server, or in empty values that the API does not keep. Revisions
// written by an older Kubernetes differ from the same template written today in
// exactly these ways, and must not roll every pod of the cluster.
func SameTemplate(a, b []byte) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return sameObject("", x, y)
}

// defaults holds, for a field or for a field of a particular parent, the value
// that the API server gives it in a pod template when it is left out (Kubernetes
// 1.37, pkg/apis/core/v1; an integration test holds them against it).
// imagePullPolicy is not here: it depends on the image.
var defaults = map[string]any{
	"restartPolicy":                         "Always",
	"dnsPolicy":                             "ClusterFirst",
	"schedulerName":                         "default-scheduler",
	"terminationGracePeriodSeconds":         float64(30),
	"terminationMessagePath":                "/dev/termination-log",
	"terminationMessagePolicy":              "File",
	"securityContext":                       map[string]any{},
	"resources":                             map[string]any{},
	"emptyDir":                              map[string]any{},
	"metadata":                              map[string]any{},
	"ports.protocol":                        "TCP",
	"timeoutSeconds":                        float64(1),
	"periodSeconds":                         float64(10),
	"successThreshold":                      float64(1),
	"failureThreshold":                      float64(3),
	"httpGet.path":                          "/",
	"httpGet.scheme":                        "HTTP",
	"grpc.service":                          "",
	"fieldRef.apiVersion":                   "v1",
	"fileKeyRef.optional":                   false,
	"secret.defaultMode":                    float64(0o644),
	"configMap.defaultMode":                 float64(0o644),
	"downwardAPI.defaultMode":               float64(0o644),
	"projected.defaultMode":                 float64(0o644),
	"serviceAccountToken.expirationSeconds": float64(3600),
	"hostPath.type":                         "",
	"spec.volumeMode":                       "Filesystem",
	"iscsi.iscsiInterface":                  "default",
	"rbd.pool":                              "rbd",
	"rbd.user":                              "admin",
	"rbd.keyring":                           "/etc/ceph/keyring",
	"azureDisk.cachingMode":                 "ReadWrite",
	"azureDisk.fsType":                      "ext4",
	"azureDisk.readOnly":                    false,
	"azureDisk.kind":                        "Shared",
	"scaleIO.storageMode":                   "ThinProvisioned",
	"scaleIO.fsType":                        "xfs",
}

func sameObject(parent string, a, b map[string]any) bool {
	for key, x := range a {
		if y := b[key]; y != nil && x != nil && !same(key, x, y) || y == nil && !omissible(parent, key, x, a) {
			return false
		}
	}
	for key, y := range b {
		if a[key] == nil && !omissible(parent, key, y, b) {
			return false
		}
	}
	return true
}

func same(key string, a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && sameObject(key, x, y)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(key, x[i], y[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(a, b)
	}
}

// omissible reports whether leaving the field out says the same as its value.
func omissible(parent, key string, value any, object map[string]any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	}
	switch {
	case key == "imagePullPolicy":
		return value == defaultPullPolicy(object["image"])
	case parent == "image" && key == "pullPolicy":
		return value == defaultPullPolicy(object["reference"])
	case key == "serviceAccount": // the old spelling of serviceAccountName
		return value == object["serviceAccountName"]
	}
	if d, ok := defaults[parent+"."+key]; ok {
		return reflect.DeepEqual(value, d)
	}
	d, ok := defaults[key]
	if empty, isMap := value.(map[string]any); ok && isMap {
		return sameObject(key, empty, map[string]any{})
	}
	return ok && reflect.DeepEqual(value, d)
}

// defaultPullPolicy is Always for an image with the tag "latest", or with
// neither tag nor digest, and IfNotPresent for every other and for none.
func defaultPullPolicy(image any) string {
	text, _ := image.(string)
	name, _, pinned := strings.Cut(text, "@")
	_, tag, tagged := strings.Cut(path.Base(name), ":")
	if tag == "latest" || text != "" && !tagged && !pinned {
		return "Always"
	}
	return "IfNotPresent"
}
