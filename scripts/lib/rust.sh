# shellcheck shell=bash
# The Rust toolchain and what the build needs beside it.
# shellcheck disable=SC2154 # the script that reads this file sets $root

# at_least WANTED HAVE: compares major.minor.
at_least() {
  local want_major=${1%%.*} have_major=${2%%.*} want_minor=${1#*.} have_minor=${2#*.}
  want_minor=${want_minor%%.*}
  have_minor=${have_minor%%.*}
  [ "$have_major" -gt "$want_major" ] ||
    { [ "$have_major" -eq "$want_major" ] && [ "$have_minor" -ge "$want_minor" ]; }
}

ensure_compiler() {
  if [ "$(system)" = macos ]; then
    # macOS has a /usr/bin/cc that only asks for the tools to be installed.
    xcode-select -p >/dev/null 2>&1 ||
      fail "A C compiler is needed: install Apple's command line tools with 'xcode-select --install', then run this again."
    return
  fi
  if have cc; then
    return
  fi
  if [ "$(system)" = debian ] && may_install; then
    apt_install build-essential || fail "A C compiler is needed: install the package build-essential, then run this again."
  else
    fail "A C compiler is needed: install gcc or clang with your system's packages, then run this again."
  fi
}

ensure_rust() {
  local wanted found
  # A shell opened before rustup was installed doesn't have its folder on the PATH.
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  if ! have cargo; then
    if ! have curl && [ "$(system)" = debian ] && may_install; then
      apt_install curl ca-certificates || true
    fi
    have curl || fail "Rust is needed: install it with rustup (https://rustup.rs), then run this again."
    say "Installing Rust with rustup, for this user only."
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -q -y --profile minimal --no-modify-path ||
      fail "Rust could not be installed: install it with rustup (https://rustup.rs), then run this again."
  fi
  ensure_compiler

  wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$root/Cargo.toml")
  # Run inside the tree, where rustup reads which toolchain is pinned and installs it if need be.
  found=$(cd "$root" && cargo --version | awk '{ print $2 }') ||
    fail "cargo does not run: see the message above."
  at_least "$wanted" "$found" ||
    fail "Rust $wanted or newer is needed, and the cargo on the PATH is $found: install Rust with rustup (https://rustup.rs), then run this again."
}

ensure_nextest() {
  if ! cargo nextest --version >/dev/null 2>&1; then
    say "Installing cargo-nextest, which runs the tests. This takes a few minutes, once."
    cargo install --locked --quiet cargo-nextest ||
      fail "cargo-nextest could not be installed: see the messages above."
  fi
}
