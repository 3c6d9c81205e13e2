// Package versions tests Ordinal's controller on the oldest and on the newest Kubernetes
// that it supports: the fence, taking a namespace, a roll-out, and giving it back.
//
// Each control plane is built from its modules (oldest and newest, modules of their own) and
// runs as upstream has it: a store, an API server, a scheduler, and a controller-manager
// whose StatefulSet controller is on, each a process. Nodes are simulated.
package versions
