# shellcheck shell=bash
# A Valkey to work with: one that is given, or one of our own that nobody else uses.

valkey_image=valkey/valkey:8.1

# server_major PROGRAM: 8 for "Valkey server v=8.1.1 sha=...".
server_major() {
  "$1" --version 2>/dev/null | sed -n 's/.* v=\([0-9]*\)\..*/\1/p'
}

# find_server: prints the first server on the PATH that is new enough.
find_server() {
  local name major
  for name in valkey-server redis-server; do
    if have "$name"; then
      major=$(server_major "$name")
      if [ "${major:-0}" -ge 7 ]; then
        command -v "$name"
        return 0
      fi
    fi
  done
  return 1
}

# install_server: from the system's packages, as long as they are new enough.
install_server() {
  local name version
  may_install || return 1
  case $(system) in
    debian)
      apt_update
      for name in valkey-server redis-server; do
        version=$(candidate "$name")
        version=${version%%.*}
        if [ "${version:-0}" -ge 7 ]; then
          apt_install "$name" || return 1
          leave_disabled "$name"
          find_server >/dev/null
          return
        fi
      done
      return 1
      ;;
    macos)
      say "Installing Valkey with Homebrew."
      brew install --quiet valkey </dev/null && find_server >/dev/null
      ;;
    *) return 1 ;;
  esac
}

# The user name and the password of a URL are nobody's business but the server's.
url_without_secrets() {
  printf '%s\n' "$1" | sed 's#//.*@#//#'
}

check_given_url() {
  local shown rest host port
  shown=$(url_without_secrets "$VALKEY_URL")
  case $VALKEY_URL in
    redis://* | rediss://* | valkey://* | valkeys://*) ;;
    # The processes say better what is wrong with any other address.
    *) return 0 ;;
  esac
  rest=${shown#*://}
  rest=${rest%%[/?]*}
  case $rest in
    \[*\]*)
      host=${rest%%\]*}
      host=${host#\[}
      port=${rest##*\]}
      port=${port#:}
      ;;
    *:*)
      host=${rest%:*}
      port=${rest##*:}
      ;;
    *)
      host=$rest
      port=
      ;;
  esac
  port_answers_within 5 "${host:-127.0.0.1}" "${port:-6379}" ||
    fail "VALKEY_URL is set, but nothing answers at $shown: start that server, or unset VALKEY_URL to get one that this script starts."
}

# choose_valkey: decides where Valkey comes from, and installs it where that is the last way.
valkey_kind=none
valkey_server=
choose_valkey() {
  if [ -n "${VALKEY_URL:-}" ]; then
    check_given_url
    valkey_kind=given
  elif valkey_server=$(find_server); then
    valkey_kind=process
  elif docker_answers; then
    valkey_kind=container
  elif install_server; then
    valkey_server=$(find_server)
    valkey_kind=process
  else
    fail "A Valkey or Redis server, version 7 or newer, is needed: install the package valkey-server or redis-server, or Docker, or set VALKEY_URL to the address of one that runs."
  fi
}

# A queue can't survive eviction, and what was acknowledged must still be there after a restart.
valkey_options=(--appendonly yes --maxmemory-policy noeviction --save "")

# start_valkey DIR LOG: sets VALKEY_URL, and what stop_valkey needs.
valkey_pid=
valkey_container=
valkey_port=
valkey_log=
start_valkey() {
  valkey_log=$2
  case $valkey_kind in
    given) return 0 ;;
    process)
      mkdir -p "$1"
      valkey_port=$(free_port) || fail "No free port was found for Valkey."
      # A process group of its own: the Ctrl-C that ends the script must reach the workers
      # first, and the server only when they have drained.
      set -m
      "$valkey_server" --bind 127.0.0.1 --port "$valkey_port" --dir "$1" "${valkey_options[@]}" >"$2" 2>&1 </dev/null &
      valkey_pid=$!
      set +m
      ;;
    container)
      mkdir -p "$1"
      say "Starting Valkey in a container, from the image $valkey_image."
      # As this user, so that the files in the data folder stay this user's.
      valkey_container=$(docker run --detach --publish 127.0.0.1::6379 --user "$(id -u):$(id -g)" \
        --volume "$1:/data" "$valkey_image" \
        valkey-server --bind 0.0.0.0 --protected-mode no --dir /data "${valkey_options[@]}" 2>"$2") || {
        warn "The container could not be started:"
        show_end "$2"
        exit 1
      }
      valkey_port=$(docker port "$valkey_container" 6379/tcp | head -n 1)
      valkey_port=${valkey_port##*:}
      ;;
  esac
  local tries=0
  until valkey_ok "$valkey_port"; do
    if ! valkey_alive || [ "$tries" -ge 300 ]; then
      keep_container_log
      warn "Valkey did not start. The end of its log, $2:"
      show_end "$2"
      exit 1
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
  export VALKEY_URL="redis://127.0.0.1:$valkey_port"
}

# valkey_alive: the server that we started still runs, or we started none.
valkey_alive() {
  if [ -n "$valkey_pid" ]; then
    kill -0 "$valkey_pid" 2>/dev/null
  elif [ -n "$valkey_container" ]; then
    port_answers 127.0.0.1 "$valkey_port"
  fi
}

keep_container_log() {
  if [ -n "$valkey_container" ]; then
    docker logs "$valkey_container" >"$valkey_log" 2>&1 || true
  fi
}

stop_valkey() {
  if [ -n "$valkey_pid" ]; then
    kill "$valkey_pid" 2>/dev/null || true
    wait "$valkey_pid" 2>/dev/null || true
    valkey_pid=
  fi
  if [ -n "$valkey_container" ]; then
    docker stop -t 30 "$valkey_container" >/dev/null 2>&1 || true
    keep_container_log
    docker rm --force "$valkey_container" >/dev/null 2>&1 || true
    valkey_container=
  fi
}
