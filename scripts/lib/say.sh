# shellcheck shell=bash
# What the scripts say to people: whole sentences, trouble on standard error.

say() {
  # Bash would complain about a reader that went away, as `tee` does on Ctrl-C.
  printf '%s\n' "$*" 2>/dev/null
}

warn() {
  printf '%s\n' "$*" >&2
}

fail() {
  warn "$*"
  exit 1
}

# show_end FILE: the last lines of a log, indented so that they stand apart from our own words.
show_end() {
  if [ -s "$1" ]; then
    tail -n 20 "$1" | sed 's/^/    /' >&2
  else
    warn "    (the log is empty)"
  fi
}
