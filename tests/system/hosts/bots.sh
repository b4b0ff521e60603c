#!/usr/bin/env bash
# Make an environment with Bots EDI and run the tests of its route in a real bots-engine:
#
#   tests/system/hosts/bots.sh [PYTHON]
#
# PYTHON is a Python that has the scrubber and pytest; default: that of the active environment.  Bots gets the Python
# that SCRUBBER_BOTS_BASE names, default python3; it must be 3.11 at most, for later ones lack modules that Bots imports.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python=${1:-python}
base=${SCRUBBER_BOTS_BASE:-python3}
"$base" -c 'import sys; sys.exit(sys.version_info >= (3, 12) and "Bots 3.3.1 does not run under Python 3.12 or later")'
test -x "$(dirname "$(command -v "$python")")/scrubber" || { echo "$python is of no environment with the scrubber" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$base" -m venv "$work/bots"
"$work/bots/bin/python" -m pip install --quiet -r docs/integrations/bots/requirements.txt
SCRUBBER_BOTS_PYTHON="$work/bots/bin/python" "$python" -m pytest tests/system/hosts/test_bots.py
