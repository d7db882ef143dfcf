# shellcheck shell=bash
# Asking about processes.

# runs_as PID WORDS: the process lives, and its command line has these words in it. The number
# alone could by now belong to another program.
runs_as() {
  local line
  if [ -r "/proc/$1/cmdline" ]; then
    # A slim container has no ps.
    line=$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)
  else
    line=$(ps -p "$1" -o args= 2>/dev/null)
  fi
  case $line in
    *"$2"*) return 0 ;;
    *) return 1 ;;
  esac
}
