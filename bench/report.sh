#!/usr/bin/env bash
# Installs what is missing (apt-get, as root) and the peers that can be had, builds the benchmark of kernels in
# build/release and runs it: what is measured and what is wanted, each with "pass", "falls short" or why it was not
# measured. The exit code is 1 if anything falls short. CSV, JSON and SVG go to build/release/results.
#
# Arguments are passed on to build/release/bench/kernels, as in bench/report.sh --only memory; --help lists them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/tests/setup.sh"

install_packages "${build_packages[@]}"
try_packages "${peer_packages[@]}" gnuplot-nox
(
  cd "$root"
  cmake --preset release
  cmake --build --preset release --target kernels
)
out=(--out "$root/build/release/results")
if [[ " $* " == *" --out"[\ =]* ]]; then out=(); fi
exec "$root/build/release/bench/kernels" --check "${out[@]}" "$@"
