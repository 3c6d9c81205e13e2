// Package claimadmission says how an update of a StatefulSet's volumeClaimTemplates, which
// apps/v1 freezes, is taken all the same: by two admission policies in the API server, with
// no webhook.
//
//	mutating admission    what is wanted is recorded in an annotation (package claimtemplates), and
//	                      the old templates are put back; or what cannot be done is noted
//	validation            the API server's own finds nothing changed
//	validating admission  what was noted is the refusal
//
// The refusal needs both, since the API server's own validation comes before validating
// admission, and its words are of immutable fields.
//
//   - policy.go: the policies and their bindings, with every field that the API server would
//     set by default, so that what is found can be compared with what it must be.
//   - record.go: the expressions that tell what is wanted, and write it as JSON.
//   - refuse.go: the expressions that tell what cannot be done, and what to do instead.
//   - applied.go: the expressions that tell an apply from other writes.
//
// A write that leaves the templates alone, such as one by a controller or kubectl scale, is
// let through untouched, and so is every write about a set that is not Ordinal's by package
// fence.
package claimadmission
