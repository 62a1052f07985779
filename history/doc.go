// Package history keeps what became of each guest: every start and every end,
// with its rungs, times and causes, one JSON object to a line in a file of
// bounded size. It survives a crash at any point; it refuses lines that it did
// not write, and knows nothing of how guests are started or stopped.
package history
