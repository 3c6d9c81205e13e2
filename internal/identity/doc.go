// Package identity knows what makes a pod a particular member of a StatefulSet:
// its name, its ordinal, its labels, its host name and its claims.
//
// It promises that every name and label it makes is byte for byte the one that
// the in-tree controller of Kubernetes 1.37 makes, so that either controller
// recognises the other's pods and claims. It is pure: API objects in, API
// objects out, arguments never modified unless the function's name says so.
package identity
