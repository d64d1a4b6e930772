#!/usr/bin/env bash
# check_compile_time.sh LIMIT_MB LIMIT_RATIO COMPILER ARGUMENTS...: that compiling compile_time/program.cpp takes at most
# so many megabytes, and at most so many times as long as a file that only includes <Eigen/Core>: machines differ in
# seconds. Both are compiled in turn; the least time of three counts.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
megabytes=$1 ratio=$2
shift 2

# compile SOURCE: processor seconds and kilobytes
compile() {
  env time --format '%U %S %M' "${command[@]}" -c "$1" -o /dev/null 2>&1 | awk 'NF == 3 { print $1 + $2, $3 }'
}
command=("$@")
for _ in 1 2 3; do
  echo "program $(compile "$folder/compile_time/program.cpp")"
  echo "eigen $(compile "$folder/compile_time/eigen.cpp")"
done | awk -v megabytes="$megabytes" -v ratio="$ratio" '
  NF == 3 { runs[$1]++; if (!($1 in least) || $2 < least[$1]) least[$1] = $2; if ($3 > most[$1]) most[$1] = $3 }
  END {
    if (runs["program"] != 3 || runs["eigen"] != 3) { print "a file does not compile"; exit 1 }
    printf "%.2f s, %.1f times the %.2f s of Eigen/Core (limit %s), %.0f MB (limit %s)\n", least["program"],
      least["program"] / least["eigen"], least["eigen"], ratio, most["program"] / 1024, megabytes
    exit least["program"] > ratio * least["eigen"] || most["program"] > megabytes * 1024
  }'
