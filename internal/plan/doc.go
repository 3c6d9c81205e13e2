// Package plan decides what is to be done about one StatefulSet.
//
// [Make] looks at a [Snapshot] of the world and returns a [Plan]: the writes to
// make now, what the rest is waiting for, the status to report, and when to look
// again. It is a pure function. It has no clock, no client and no logger, it
// never modifies an object of the snapshot, and the same snapshot always gives
// the same plan.
//
// A plan holds everything that may be done now; a rule that has to wait never
// hides another that need not. What one rule decides, the rules after it see: a
// pod that is about to be deleted counts as terminating, a pod that is about to
// be created counts as starting.
//
// Every action says why in words for a user, and every plan that has not reached
// its goal names the pod it waits for. Those words are what events, conditions
// and the command line show; they are written here and nowhere else.
package plan
