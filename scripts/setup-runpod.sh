#!/usr/bin/env bash
# Puts RunPod's own SDK where the tests look for it: a Python environment of its own in build/tools/runpod. It comes from
# PyPI, pinned. Where it cannot be had this says so and ends well: the test that needs it prints `skipped: REASON`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.12.0
folder=build/tools/runpod
stamp=$folder/version-$version

[ -e "$stamp" ] && exit 0
rm -rf "$folder"
mkdir -p build/tools
if python3 -m venv "$folder" >/dev/null 2>&1 &&
    "$folder/bin/pip" install -q --disable-pip-version-check --only-binary :all: "runpod==$version" &&
    "$folder/bin/python" -c 'import runpod' >/dev/null; then
    touch "$stamp"
else
    rm -rf "$folder"
    echo "setup: no SDK of RunPod $version for this machine; the test that holds our platform to it is skipped" >&2
fi
