// Package kinds names the kinds of API objects that the controller deals with: which
// it watches, their resources, scheme and REST mapping, and how an object names the
// StatefulSet that owns it. Every other room of the controller may import it.
package kinds
