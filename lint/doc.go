// Package lint reads OpenRC's init scripts and conf.d files and tells what will
// go wrong with them: it parses, indexes, and holds the index against rules, one
// file of rules for each theme. It runs nothing, follows no file that a script
// sources, and keeps silent where it cannot be sure: a false alarm costs more
// than a fault that it does not see.
package lint
