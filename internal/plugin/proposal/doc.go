// Package proposal reads what a person is about to apply, has the API server say in a dry
// run what would become of it, and forecasts what would happen to the sets then. It writes
// nothing.
//
// An apply replaces what the last one of the same person or program wrote, and leaves
// alone what others did. Whose turn it is tells the object: the one that kubectl applied
// from here is patched as kubectl would, by its note of what was last applied; the one that
// was applied by the API server is applied so again, in the name of whoever did; and the one
// that Helm patched is patched against the fields that are Helm's.
package proposal
