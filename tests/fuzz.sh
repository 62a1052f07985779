#!/bin/sh
# fuzz.sh TIME: runs every fuzz target for that long, such as 30s, one after
# the other; ends at the first that finds something. By default Go would spend a
# minute on making each input that is merely new shorter.
set -eu
[ $# = 1 ] || { echo "usage: $0 TIME" >&2; exit 2; }
go list ./... | while read -r package; do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || :); do
		echo "fuzz: $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 20x "$package" </dev/null
	done
done
