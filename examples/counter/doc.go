// Command counter is the demonstration of what a StatefulSet gives a program:
// a name that stays, a volume that stays, and peers that can be found.
//
// Without arguments it serves HTTP on port 8080:
//
//	GET  /         who answers: hostname, ordinal and count, as JSON
//	GET  /count    the same
//	POST /count    adds one, on disk before it answers
//	GET  /peers    the other pods of the governing service, found by SRV
//	GET  /healthz  ok
//
// With --elect one of the pods leads, and three pages more are there:
//
//	GET  /role              leader or follower
//	POST /hand-over?to=POD  has another pod lead; the answer comes when it does
//	POST /lead              what that one is told
//
// The count lives in the volume at /data where one is mounted, else in memory.
//
// Its image holds this one binary and no shell, so the binary is also what
// `kubectl exec` and `kubectl cp` need in it:
//
//	counter lookup [--srv] NAME     resolve a name
//	counter get URL                 print what the URL answers
//	counter post URL                the same, with POST
//	tar cf - PATH, tar xf - -C DIR  what kubectl cp runs
//	test -d PATH                    likewise
package main
