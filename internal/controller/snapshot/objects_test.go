package snapshot

import "ordinal.dev/ordinal/internal/controller/controllertest"

var (
	web, orphan = controllertest.Web, controllertest.Orphan
	webKey      = controllertest.Key
)
