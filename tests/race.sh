#!/bin/sh
# race.sh: prints -race where the race detector can be built, which needs a C
# compiler and the C library's headers.
set -eu
cc=$(go env CC)
if command -v "${cc%% *}" >/dev/null 2>&1 && [ -e /usr/include/stdlib.h ]; then
	echo -race
fi
