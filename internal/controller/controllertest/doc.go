// Package controllertest is what tests of the controller's rooms share: an API server in
// memory that notes what is written, refuses what it is told to, and keeps the events.
package controllertest
