// Package overview says who is in charge of which sets, and how they are.
//
//   - report.go: what there is to say, from what was read. Pure.
//   - text.go: the report as text. Pure.
//   - one.go: all there is to say of one set. Pure.
package overview
