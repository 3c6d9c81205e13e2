// Package timing has the durations that several rooms of the controller keep to.
package timing
