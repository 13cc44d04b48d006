#!/usr/bin/env bash
# From nothing to a trained video model: sets up, builds, makes labelled videos, trains, evaluates, streams and pre-trains.
# Ends with a table and run/demo/summary.json. Run again, it goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$(date +%s.%N)
tools/build.sh
built=$(date +%s.%N)
exec python3 tools/demo.py --setup-seconds "$(awk "BEGIN {print $built - $began}")"
