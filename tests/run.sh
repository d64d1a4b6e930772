#!/usr/bin/env bash
# Installs what is missing (apt-get, as root), configures and builds the preset "release" in build/release, and runs
# every test. Arguments are passed on to ctest, as in ./tests/run.sh -R prune.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/setup.sh

install_packages "${build_packages[@]}"
cmake --preset release
cmake --build --preset release --target tests
ctest --preset release "$@"
