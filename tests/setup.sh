# Sourced by tests/run.sh, examples/quickstart.sh and .ci/run.
# shellcheck shell=bash disable=SC2034

export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}

build_packages=(g++ cmake ninja-build libeigen3-dev libxtensor-dev nlohmann-json3-dev zlib1g-dev libfmt-dev libcli11-dev
  catch2 time)
# What the benchmarks compare with, where it can be had.
peer_packages=(libdnnl-dev libopenblas-dev libxnnpack-dev libpthreadpool-dev)

# is_installed PACKAGE
is_installed() {
  [[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]
}

# install_packages PACKAGE...: installs the Debian packages that are missing. Where it may not, it stops with the line
# that would.
install_packages() {
  local missing=() package
  if ! command -v apt-get dpkg-query >/dev/null; then
    echo "This is not a Debian machine, so nothing is installed. Going on in the hope that it has: $*"
    return
  fi
  for package; do
    is_installed "$package" || missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then return; fi

  local command="apt-get install --yes --no-install-recommends ${missing[*]}"
  if [[ $EUID -ne 0 ]]; then
    echo "Packages are missing, and only root may install them. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo $command" >&2
    exit 1
  fi
  echo "Installing what is missing: $command"
  export DEBIAN_FRONTEND=noninteractive
  if ! apt-get update -q || ! $command -q; then
    echo "apt-get failed, see above. Without these packages this can't go on: ${missing[*]}" >&2
    exit 1
  fi
}

# try_packages PACKAGE...: installs those that are missing and can be had, and goes on without the others.
try_packages() {
  local package updated=
  command -v apt-get dpkg-query >/dev/null || return 0
  for package; do
    if is_installed "$package"; then continue; fi
    if [[ $EUID -eq 0 ]]; then
      export DEBIAN_FRONTEND=noninteractive
      [[ $updated ]] || apt-get update -q || true
      updated=yes
      if apt-get install -q --yes --no-install-recommends "$package"; then continue; fi
    fi
    echo "Going on without the package $package"
  done
}
