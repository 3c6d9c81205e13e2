package payload

import "embed"

//go:embed all:embedded
var embedded embed.FS

// folder is where the programs for this architecture are.
const folder = "embedded"
