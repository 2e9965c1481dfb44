#!/bin/sh
# Run setup/make_venv.py, and what is given to it, with the Python that .venv has or is to have: PYTHON where that is set,
# else that of the .venv that is here, else the newest on PATH that is supported and can make one.
set -u

case $PWD in *[{}:]*)
  echo "error: the path of this folder has a { or }, with which DVC fails, or a :, which PATH cannot hold: rename it" >&2
  exit 1
esac

# Those of .venv itself may lead nowhere, and would hide others of the same name.
bin=$PWD/.venv/bin
path=:$PATH:
while case $path in *":$bin:"*) ;; *) false ;; esac; do path=${path%%":$bin:"*}:${path#*":$bin:"}; done
path=${path#:}
PATH=${path%:}

# What a Python says of itself: nothing, or why it is of no use. Any Python 3 understands this; Python 2 does not know -I.
question='
import sys
version = "%d.%d" % sys.version_info[:2]
if not (3, 11) <= sys.version_info[:2] <= (3, 14) or sys.implementation.name != "cpython" or "t" in sys.abiflags:
    sys.exit(print("is %s %s" % (sys.implementation.name, version + sys.abiflags)))
try:
    import ensurepip, venv
except ImportError as error:
    print("has no module %s (Debian, Ubuntu: apt-get install python%s-venv)" % (error.name, version))
'
reasons=
set_up_with() { # PYTHON KIND
  reason=$("$1" -I -c "$question" 2>/dev/null) || reason="does not run"
  if [ -z "$reason" ]; then exec "$1" -I setup/make_venv.py "$2"; fi
  reasons="$reasons; $1 $reason"
}

if [ -n "${PYTHON:-}" ]; then
  set_up_with "$PYTHON" "$1"
else
  if [ -e .venv/.runs ]; then set_up_with .venv/bin/python "$1"; fi
  for python in python3.14 python3.13 python3.12 python3.11 python3 python; do
    if command -v $python >/dev/null; then set_up_with $python "$1"; fi
  done
fi
echo "error: no Python 3.11, 3.12, 3.13 or 3.14 that can make .venv$reasons: install one, or name one: make PYTHON=/path/to/python3.12" >&2
exit 1
