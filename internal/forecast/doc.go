// Package forecast says what will happen to a StatefulSet if it is changed: it runs the
// planner forward, against pods that behave, until the set is at rest.
//
// [Run] takes a snapshot in which the set is as it would be. It carries out what
// [plan.Make] plans in a small world of its own, lets pods start, stop and become
// available between two plans, and moves a virtual clock where only time is waited for.
// What the plans did, in which order and why, is the [Forecast]. Like the planner it is
// pure: no clock, no client, and what it is given is not modified.
//
// Pods behave: what is created starts and becomes ready at once, and what is deleted goes
// at once. What is known to be otherwise is taken as it is, and said: a claim that nothing
// serves keeps its pod from starting; a pod that cannot start, and every pod that would be
// made from the same revision, does not start; a pod that has been on its way for
// [patience] goes on so.
package forecast
