// Package guest is a guest's name, its directories, its lock and its state
// record, the Kind interface that every kind implements, and the two ways
// through the house, start and stop. It knows no kind and no init system, and
// it prints nothing.
package guest
