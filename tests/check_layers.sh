#!/usr/bin/env bash
# Includes point down only: a folder under include/pare may include its own row and the rows below it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../include"

rows=(tensor prune quantize storage kernels nn "io train parallel" compress) # from the bottom up
declare -A level
for row in "${!rows[@]}"; do
  for folder in ${rows[row]}; do level[$folder]=$row; done
done

# Prints what is wrong with the lines FILE:LINE:INCLUDE on its input.
violations() {
  local file line include folder target
  while IFS=: read -r file line include; do
    folder=$(cut -d/ -f2 <<<"$file")
    target=$(sed -E 's,.*[<"]pare/([^>"]+)[>"].*,\1,' <<<"$include")
    if [[ -z ${level[$folder]:-} ]]; then
      echo "$file: the folder $folder is in no row"
    elif [[ $target != version.hpp && ${level[${target%%/*}]:-99} -gt ${level[$folder]} ]]; then
      echo "$file:$line: $folder/ may not include $target"
    fi
  done
}

found=$(grep -rnE '^ *# *include *[<"](pare/|\.\.)' pare/*/ | violations)
if [[ -n $found ]]; then
  echo "$found"
  exit 1
fi
