# shellcheck shell=bash
# Docker, where it is, and a daemon of our own where it may be installed.

docker_answers() {
  have docker && docker info >/dev/null 2>&1
}

# start_docker LOG: installs Debian's Docker if there is none, and starts the daemon.
dockerd_pid=
start_docker() {
  local options
  if ! have dockerd; then
    [ "$(system)" = debian ] && [ "$(id -u)" = 0 ] && apt_install docker.io || return 1
  fi
  # From trixie on the client is a package of its own.
  have docker || apt_install docker-cli || return 1
  # The second try is for machines whose kernel offers neither overlay file systems nor the
  # tables of a firewall: ports are then mapped by docker-proxy alone, which is all that the
  # tests use.
  for options in "" "--storage-driver=vfs --iptables=false --ip6tables=false"; do
    # shellcheck disable=SC2086
    dockerd $options >"$1" 2>&1 </dev/null &
    dockerd_pid=$!
    if wait_for_docker; then
      return 0
    fi
    stop_docker
  done
  return 1
}

wait_for_docker() {
  local tries=0
  until docker_answers; do
    if ! kill -0 "$dockerd_pid" 2>/dev/null || [ "$tries" -ge 120 ]; then
      return 1
    fi
    tries=$((tries + 1))
    sleep 0.5
  done
}

stop_docker() {
  if [ -n "$dockerd_pid" ]; then
    kill "$dockerd_pid" 2>/dev/null || true
    wait "$dockerd_pid" 2>/dev/null || true
    dockerd_pid=
  fi
}
