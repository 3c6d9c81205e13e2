// Package override puts what a policy says of some ordinals over a StatefulSet's pod template.
//
// Each override is a strategic merge patch of the template. What is put over it for one
// ordinal are all that name it, in their order: an [Override]. Its hash is a label of the pods
// that were made with it, and its text an annotation, so that both, what a pod was made with
// and what it would be made with now, can be told from the pod and the policy alone.
//
// What makes a pod the member that it is cannot be overridden: its name, hostname and
// subdomain, the labels by which the set selects it, and the volumes of its claims.
//
// It is pure.
package override
