#!/usr/bin/env bash
# check_compile_time.sh LIMIT_MB LIMIT_RATIO COMPILER ARGUMENTS...: that compiling compile_time/program.cpp takes at most
# so many megabytes, and at most so many times as long as a file that only includes <Eigen/Core>: machines differ in
# seconds. Both are compiled in turn, and the least ratio of five rounds counts.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
megabytes=$1 ratio=$2
shift 2

spent=$(mktemp)
trap 'rm -f "$spent"' EXIT

# compile NAME SOURCE: the name, processor seconds and kilobytes
compile() {
  env time --output="$spent" --format '%U %S %M' "${command[@]}" -c "$2" -o /dev/null &&
    awk -v name="$1" '{ print name, $1 + $2, $3 }' "$spent"
}
command=("$@")
runs=$(for _ in 1 2 3 4 5; do
  compile program "$folder/compile_time/program.cpp" || exit
  compile eigen "$folder/compile_time/eigen.cpp" || exit
done)
awk -v megabytes="$megabytes" -v ratio="$ratio" '
  $1 == "program" { seconds = $2; if ($3 > most) most = $3 }
  $1 == "eigen" { times = seconds / $2; if (!least || times < least) { least = times; of = seconds } }
  END {
    printf "%.2f s, %.1f times as long as Eigen/Core (limit %s), %.0f MB (limit %s)\n", of, least, ratio, most / 1024,
      megabytes
    exit !least || least > ratio || most > megabytes * 1024
  }' <<<"$runs"
