#!/usr/bin/env bash
# Installs what is missing (apt-get, as root), builds the preset "release" in build/release, then trains a network,
# compresses it in many ways and runs the compressed networks: a table, and files in build/release/results.
#
#   --data DIR   a folder of IDX files (train-images-idx3-ubyte.gz and so on) instead of digits drawn by the program
#   --out DIR    where the CSV, JSON and SVG files go
#
# Other arguments are passed on to build/release/bench/accuracy_vs_size; --help lists them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/tests/setup.sh"

install_packages "${build_packages[@]}" gnuplot-nox
(
  cd "$root"
  cmake --preset release
  cmake --build --preset release --target accuracy_vs_size
)
out=(--out "$root/build/release/results")
if [[ " $* " == *" --out"[\ =]* ]]; then out=(); fi
exec "$root/build/release/bench/accuracy_vs_size" "${out[@]}" "$@"
