// Package footprint makes a process that waits for most of its life take little of
// its machine: memory that only starting or working needed is given back, and timers
// wait for each other. It promises that the process never notices, and works as fast
// as before. On a system other than Linux it does what it can.
package footprint
