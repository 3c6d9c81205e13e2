// Package interlock decides in which namespaces this controller may act, by the fence that
// keeps the in-tree controller out: see package fence.
//
// It promises that, in fenced mode,
//   - nothing is written in a namespace before the fence there is proven: policy and
//     binding are exactly as they must be, and the API server has refused test writes in
//     the in-tree controller's name, again and again for ten seconds, since several API
//     servers load policies at different times;
//   - once policy, binding or the namespace's label are seen to be gone or changed, or a
//     test write is accepted, nothing more is written there, until it is proven anew;
//   - a namespace that leaves is fenced until what was set there has been taken back.
//
// In whole-cluster mode the in-tree controller is switched off, and a namespace may be
// opted out.
//
//   - interlock.go: what is known of each namespace, and who may act where.
//   - observe.go: namespaces, policy and binding as the watches show them.
//   - proof.go: test writes, and when they prove the fence.
//   - record.go: how each namespace stands, for people.
package interlock
