#!/usr/bin/env bash
# Runs every build of examples/output_hash with every instruction set that there is, and fails unless all print the same.
#   tests/same_bits.sh COMMAND...     a command may have arguments: "qemu-aarch64 -L /usr/aarch64-linux-gnu PROGRAM"
set -euo pipefail

expected=
for command; do
  for isa in scalar avx2 avx2_vnni avx512 neon neon_dot; do
    # shellcheck disable=SC2086
    if ! output=$(PARE_ISA=$isa $command 2>&1); then
      [[ $output == *"instruction set $isa is not available"* ]] && continue
      printf '%s with %s failed: %s\n' "$command" "$isa" "$output" >&2
      exit 1
    fi
    hash=${output%%$'\n'*}
    printf '%s  %-9s  %s\n' "$hash" "$isa" "$command"
    expected=${expected:-$hash}
    if [[ $hash != "$expected" ]]; then
      printf 'expected %s\n' "$expected" >&2
      exit 1
    fi
  done
done
[[ -n $expected ]]
