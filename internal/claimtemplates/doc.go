// Package claimtemplates knows the record of what a StatefulSet's claim templates were last
// applied as.
//
// The API server freezes spec.volumeClaimTemplates. Where an admission policy turns an
// update of them into the annotation [Annotation] of the set and puts the old templates
// back, the annotation is what the user wants, and the spec is what the first claims were
// made from. Its value is JSON, for people to read and for an admission policy's expression
// to write:
//
//	[{"name":"data","size":"20Gi","volumeAttributesClassName":"gold","labels":{"tier":"hot"}}]
//
// It has all templates, not only those that differ. A template that the set does not have
// says besides what else its claims need: accessModes, storageClassName and volumeMode.
//
// It is pure.
package claimtemplates
