# shellcheck shell=bash
# Looking at ports with nothing but bash: a fresh machine may have neither curl nor nc.

# port_answers HOST PORT: something accepts connections there.
port_answers() {
  (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

# port_answers_within SECONDS HOST PORT: the same, for a host that may never answer at all.
port_answers_within() {
  local pid tenths=$(($1 * 10))
  port_answers "$2" "$3" &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$tenths" = 0 ]; then
      kill "$pid" 2>/dev/null || true
      break
    fi
    tenths=$((tenths - 1))
    sleep 0.1
  done
  wait "$pid" 2>/dev/null
}

# free_port: a port of 127.0.0.1 that nothing listens on.
free_port() {
  local port tries=0
  while [ "$tries" -lt 100 ]; do
    port=$((20000 + RANDOM % 12000))
    if ! port_answers 127.0.0.1 "$port"; then
      printf '%s\n' "$port"
      return 0
    fi
    tries=$((tries + 1))
  done
  return 1
}

# first_line PORT REQUEST: sends it to 127.0.0.1 and prints the first line of the answer. The
# request must make the server close the connection.
first_line() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf '%s' "$2" >&3
    IFS= read -r -t 3 answer <&3 || exit 1
    printf '%s\n' "$answer"
    # Read to the end: a server whose answer nobody takes may log that as a fault.
    while IFS= read -r -t 3 answer <&3; do :; done
  ) 2>/dev/null
}

# http_ok PORT PATH: a GET there gets a 2xx.
http_ok() {
  case $(first_line "$1" "GET $2 HTTP/1.1"$'\r\n'"Host: 127.0.0.1"$'\r\n'"Connection: close"$'\r\n\r\n') in
    HTTP/1.?\ 2*) return 0 ;;
    *) return 1 ;;
  esac
}

# valkey_ok PORT: a server there answers PING. One that still reads its data says -LOADING.
valkey_ok() {
  case $(first_line "$1" $'PING\r\nQUIT\r\n') in
    +PONG*) return 0 ;;
    *) return 1 ;;
  esac
}
