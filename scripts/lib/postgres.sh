# shellcheck shell=bash
# The Postgres that the tests start.

postgres_image=postgres:17

# find_postgres: prints the folder of the server's programs, which Debian keeps off the PATH.
find_postgres() {
  local folder
  if have initdb && have postgres; then
    dirname "$(command -v initdb)"
    return 0
  fi
  for folder in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
      printf '%s\n' "$folder"
      return 0
    fi
  done
  return 1
}

# install_postgres: from the system's packages. What the package would run by itself is left off:
# each test run has a server of its own.
install_postgres() {
  may_install || return 1
  case $(system) in
    debian)
      apt_install postgresql || return 1
      leave_disabled postgresql
      find_postgres >/dev/null
      ;;
    macos)
      say "Installing Postgres with Homebrew."
      brew install --quiet postgresql@17 </dev/null && find_postgres >/dev/null
      ;;
    *) return 1 ;;
  esac
}

# have_postgres_image: it is here, or can be pulled. A registry that can't be reached may take
# minutes to say so.
have_postgres_image() {
  docker image inspect "$postgres_image" >/dev/null 2>&1 ||
    timeout 120 docker pull --quiet "$postgres_image" >/dev/null 2>&1
}
