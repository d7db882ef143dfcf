# shellcheck shell=bash
# The other clients that some tests work against: BullMQ's own for Node, Python and Rust, and Bull
# Board in a browser. Where one of the last three can't be had, its tests say so: they are skipped,
# and fail under CI.
# shellcheck disable=SC2154 # the script that reads this file sets $root

interop=$root/crates/infra-redis/tests/interop

ensure_interop() {
  ensure_node
  ensure_python
  ensure_official
  ensure_browser
}

ensure_npm() {
  if ! have npm && may_install; then
    case $(system) in
      debian) apt_install nodejs npm || true ;;
      macos) brew install --quiet node </dev/null || true ;;
    esac
  fi
  have npm || fail "Node and npm are needed for BullMQ's own client: install them, then run this again."
}

ensure_node() {
  local folder
  ensure_npm
  for folder in node node5 board; do
    install_node_packages "$interop/$folder"
  done
}

# install_node_packages FOLDER: those that its lock file names.
install_node_packages() {
  # npm notes there what it installed; without the look, each run would install it all again.
  if [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]; then
    return 0
  fi
  say "Installing the Node packages of ${1#"$root"/}."
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) ||
    fail "The Node packages could not be installed: see the messages above."
}

ensure_python() {
  local venv=$root/target/interop-python list=$interop/python/requirements.txt
  # The copy is made when all of it is installed.
  if cmp -s "$list" "$venv/requirements.txt"; then
    return 0
  fi
  say "Installing BullMQ's client for Python, which some tests work against."
  if ! python3 -c 'import ensurepip' 2>/dev/null && [ "$(system)" = debian ] && may_install; then
    apt_install python3 python3-venv || true
  fi
  if python3 -m venv --clear "$venv" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"; then
    cp "$list" "$venv/requirements.txt"
  else
    warn "It could not be installed, and needs Python 3.10 or newer with its module venv."
  fi
}

ensure_official() {
  # With a folder of its own for what is built, since its dependencies have other features.
  if ! [ -e "$root/target/interop-official" ]; then
    say "Building BullMQ's client for Rust, which some tests work against. This takes a minute, once."
  fi
  cargo build --quiet --locked --manifest-path "$interop/official/Cargo.toml" \
    --target-dir "$root/target/interop-official" ||
    warn "It could not be built: see the messages above."
}

ensure_browser() {
  if [ -e /usr/bin/chromium ]; then
    return 0
  fi
  if [ "$(system)" = debian ] && may_install; then
    apt_install chromium || true
  fi
  [ -e /usr/bin/chromium ] || warn "There is no /usr/bin/chromium, so Bull Board is not looked at."
}
