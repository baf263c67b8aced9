#!/usr/bin/env bash
# Creates a virtual environment: make_venv.sh PYTHON FOLDER. Where the system's Python comes without the venv module, as on
# Debian, the package that has it is installed first.
set -euo pipefail
python=$1
folder=$2

stop() {
    rm -rf "$folder"
    printf '%s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null || stop "No $python found: install Python 3.11 or later, or name one: make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "ipipdiag needs Python 3.11 or later, and $python is $("$python" --version 2>&1): name another with make PYTHON=…"

rm -rf "$folder"
if ! output=$("$python" -m venv "$folder" 2>&1); then
    rm -rf "$folder"
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    advice="Install $package (Debian, Ubuntu) or what brings the venv module elsewhere, then run make again."
    command -v apt-get >/dev/null || stop "$output" "$python cannot create a virtual environment. $advice"
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || stop "$python cannot create a virtual environment, and sudo is missing. $advice"
        as_root=(sudo)
    fi
    echo "$python cannot create a virtual environment yet: installing $package" >&2
    "${as_root[@]}" apt-get update -qq >&2 || true # the lists that are there may do
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >&2 ||
        stop "$package could not be installed. $advice"
    "$python" -m venv "$folder" || stop "$python still cannot create a virtual environment. $advice"
fi
