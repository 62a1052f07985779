// Package check is the doctor's knowledge: the catalogue of what may be wrong
// with guests, and what only shows when all of them are looked at together,
// beside the host and the init system. It refuses to look at anything itself:
// what kinds, host and init system found goes in, findings come out.
package check
