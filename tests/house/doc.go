// Package house holds this repository to its own rules: how packages are
// documented and named, how large files and the binary may grow, who may
// import, print, exit, wait and signal. It has tests only, and each failure
// says which file breaks a rule and why the rule exists; docs/style.md lists
// them.
package house
