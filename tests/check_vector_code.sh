#!/usr/bin/env bash
# check_vector_code.sh OBJDUMP FILE...: that vector instructions which not every machine has stand in the namespace of
# their instruction set alone, so that none runs before the choice among sets has been made. Prints what stands elsewhere.
set -euo pipefail
objdump=$1
shift

"$objdump" -d --no-show-raw-insn "$@" | awk '
  # A function of one of our namespaces, or something local to one: 4avx2 and so on is how names are mangled, of which the
  # longest that matches counts.
  function set_of(name) {
    return match(name, /^_ZZ*N[KVO]*4pare6detail[0-9]+baseline[a-z_0-9]*(4avx2|4avx24vnni|6avx512|4neon|4neon12dot_products)/) \
      ? substr(name, RSTART, RLENGTH) : ""
  }
  function complain(what) { print name ": " what ": " $0; found = 1 }
  /^[0-9a-f]+ <.*>:$/ {
    name = substr($2, 2, length($2) - 3)
    set = set_of(name)
    functions += set != ""
    next
  }
  /%zmm|%k[0-7]/ { if (set !~ /6avx512$/) complain("AVX-512"); next }
  # VNNI in its VEX encoding; an EVEX encoding of AVX-512 may use narrow registers, too.
  /vpdpbusd/ { if (set !~ /4avx24vnni$|6avx512$/) complain("VNNI"); next }
  /%ymm|\t\{?(vex|evex)?\}? *v[a-z0-9]+ .*%xmm/ { if (set !~ /4avx2$|4avx24vnni$|6avx512$/) complain("AVX"); next }
  /\t[us]dot\t/ { if (set !~ /4neon12dot_products$/) complain("dot products"); next }
  END {
    if (!functions) { print "no function of an instruction set found"; exit 1 }
    exit found
  }'
