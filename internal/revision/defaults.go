package revision

// A shape is what the API server makes of an object's fields that are left out, in a
// StatefulSet's pod template (Kubernetes 1.37, pkg/apis/core/v1; a test holds it
// against them). The same field may have another default elsewhere, or none: a
// container that is always restarted is a sidecar. It also says which texts are
// quantities, since 1G is the same as 1000M there.
type shape struct {
	defaults map[string]any    // an empty object for one that says nothing
	fields   map[string]*shape // of objects, and of the objects in lists
	// The field whose default depends on an image, and the one that names it.
	pullPolicy, image string
	quantities        bool // it is a quantity, or an object of quantities
}

// fileMode is that of files in volumes.
const fileMode float64 = 0o644

var (
	root     = in("spec", in("template", template))
	template = &shape{
		defaults: map[string]any{"metadata": nothing},
		fields:   map[string]*shape{"spec": podSpec},
	}
	podSpec = &shape{
		defaults: map[string]any{
			"restartPolicy":                 "Always",
			"dnsPolicy":                     "ClusterFirst",
			"schedulerName":                 "default-scheduler",
			"terminationGracePeriodSeconds": 30.,
			"securityContext":               nothing,
		},
		fields: map[string]*shape{
			"initContainers": container, "containers": container, "volumes": volume,
			"resources": resources, "overhead": amount,
		},
	}
	container = &shape{
		defaults: map[string]any{
			"terminationMessagePath":   "/dev/termination-log",
			"terminationMessagePolicy": "File",
			"resources":                nothing,
		},
		fields: map[string]*shape{
			"ports": of("protocol", "TCP"),
			"env": in("valueFrom", &shape{fields: map[string]*shape{
				"fieldRef": fieldRef, "resourceFieldRef": resourceRef, "fileKeyRef": of("optional", false),
			}}),
			"resources":     resources,
			"livenessProbe": probe, "readinessProbe": probe, "startupProbe": probe,
			"lifecycle": {fields: map[string]*shape{"postStart": in("httpGet", httpGet), "preStop": in("httpGet", httpGet)}},
		},
		pullPolicy: "imagePullPolicy", image: "image",
	}
	probe = &shape{
		defaults: map[string]any{"timeoutSeconds": 1., "periodSeconds": 10., "successThreshold": 1., "failureThreshold": 3.},
		fields:   map[string]*shape{"httpGet": httpGet, "grpc": of("service", "")},
	}
	httpGet     = &shape{defaults: map[string]any{"path": "/", "scheme": "HTTP"}}
	fieldRef    = of("apiVersion", "v1")
	resourceRef = in("divisor", amount)
	downward    = &shape{fields: map[string]*shape{"fieldRef": fieldRef, "resourceFieldRef": resourceRef}}
	resources   = &shape{fields: map[string]*shape{"limits": amount, "requests": amount}}
	amount      = &shape{quantities: true}

	volume = &shape{
		defaults: map[string]any{"emptyDir": nothing},
		fields: map[string]*shape{
			"hostPath":    of("type", ""),
			"secret":      of("defaultMode", fileMode),
			"configMap":   of("defaultMode", fileMode),
			"emptyDir":    in("sizeLimit", amount),
			"downwardAPI": {defaults: map[string]any{"defaultMode": fileMode}, fields: map[string]*shape{"items": downward}},
			"projected":   {defaults: map[string]any{"defaultMode": fileMode}, fields: map[string]*shape{"sources": projection}},
			"ephemeral":   in("volumeClaimTemplate", claimTemplate),
			"image":       {pullPolicy: "pullPolicy", image: "reference"},
			"iscsi":       of("iscsiInterface", "default"),
			"rbd":         {defaults: map[string]any{"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}},
			"azureDisk":   {defaults: map[string]any{"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": false, "kind": "Shared"}},
			"scaleIO":     {defaults: map[string]any{"storageMode": "ThinProvisioned", "fsType": "xfs"}},
		},
	}
	projection = &shape{fields: map[string]*shape{
		"serviceAccountToken": of("expirationSeconds", 3600.),
		"downwardAPI":         in("items", downward),
	}}
	claimTemplate = &shape{
		defaults: map[string]any{"metadata": nothing},
		fields: map[string]*shape{"spec": {
			defaults: map[string]any{"volumeMode": "Filesystem", "resources": nothing},
			fields:   map[string]*shape{"resources": resources},
		}},
	}
	nothing = map[string]any{}
)

// in is the shape of an object that has defaults only within one field.
func in(field string, s *shape) *shape { return &shape{fields: map[string]*shape{field: s}} }

// of is the shape of an object with one default.
func of(field string, value any) *shape { return &shape{defaults: map[string]any{field: value}} }
