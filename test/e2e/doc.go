// Package e2e drives bin/ordinal as a person would, on real containers, and
// checks what they get: order, names, volumes that survive everything, commands
// that work, mistakes that are explained, and a machine that is left as it was.
//
// It needs root, and what containers need of the kernel; elsewhere it says what
// is missing and passes. A cluster that already runs on the machine is set aside
// meanwhile: taken down before, its data kept, and up again after.
package e2e
