// Package hooks runs what a StatefulSetPolicy has the application asked, or asked to do.
//
// A [Runner] runs hooks beside the controller's workers, which never wait for them: it begins
// with one when a plan says so, remembers how the last run of each ended, and wakes the set.
// What it remembers may be lost: plans run a hook again then, so hooks must be idempotent.
//
// [Caller] is what runs one: a command by the API server's pods/exec, or a request to the
// pod's own address. It reaches nothing else, follows no redirect, sends no credentials, and
// reads a few KiB of what is answered.
package hooks
