# shellcheck shell=bash
# Installing system packages, where this user may.

have() {
  command -v "$1" >/dev/null 2>&1
}

# system: debian (Ubuntu too), macos or other.
system() {
  if [ "$(uname -s)" = Darwin ]; then
    echo macos
  elif [ -e /etc/debian_version ] && have apt-get; then
    echo debian
  else
    echo other
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# may_install: system packages can be installed here. A sudo that wants a password counts only
# where somebody is there to type it.
may_install() {
  case $(system) in
    debian) [ "$(id -u)" = 0 ] || { have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; } ;;
    macos) have brew ;;
    *) return 1 ;;
  esac
}

# candidate PACKAGE: the version that apt would install, without its epoch.
candidate() {
  LC_ALL=C apt-cache show --no-all-versions "$1" 2>/dev/null |
    sed -n 's/^Version: \([0-9]*:\)\{0,1\}//p' | head -n 1
}

apt_updated=no
apt_update() {
  if [ "$apt_updated" = no ]; then
    as_root apt-get -qq update >/dev/null || warn "The list of packages could not be brought up to date."
    apt_updated=yes
  fi
}

# The policy answers every attempt to start a service with "not allowed", which is Debian's way
# to install a server without running it. One that stands there already is put back afterwards.
# shellcheck disable=SC2016
apt_script='
  policy=/usr/sbin/policy-rc.d
  restore() {
    rm -f "$policy"
    if [ -e "$policy.kept" ]; then mv "$policy.kept" "$policy"; fi
  }
  if [ -e "$policy" ] && [ ! -e "$policy.kept" ]; then mv "$policy" "$policy.kept"; fi
  trap restore EXIT
  trap "exit 1" HUP INT TERM
  printf "#!/bin/sh\nexit 101\n" >"$policy"
  chmod 755 "$policy"
  apt-get -qq install -y --no-install-recommends "$@"
'

# apt_install PACKAGE...: installs them and starts no service.
apt_install() {
  local log code=0
  apt_update
  log=$(mktemp)
  say "Installing the system packages: $*."
  as_root env DEBIAN_FRONTEND=noninteractive sh -c "$apt_script" apt "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ "$code" != 0 ]; then
    warn "They could not be installed:"
    show_end "$log"
  fi
  rm -f "$log"
  return "$code"
}

# leave_disabled SERVICE: it doesn't start at the next boot either.
leave_disabled() {
  if have systemctl; then
    as_root systemctl disable "$1" >/dev/null 2>&1 || true
  fi
  if have update-rc.d; then
    as_root update-rc.d "$1" disable >/dev/null 2>&1 || true
  fi
}
