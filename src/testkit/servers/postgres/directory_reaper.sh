# Waits until the owner of the server in $1 lets go of it or dies, then ends the server and removes its directory.
trap '' HUP INT TERM
read -r _
data=$1/data
# Not of POSIX, but of every sh on Linux; it makes no process for each that it looks at.
# shellcheck disable=SC3013
at_home() { [ "$1/cwd" -ef "$data" ]; }
signal_all() {
  for process in /proc/[0-9]*; do
    if at_home "$process"; then kill "-$1" "${process#/proc/}" 2>/dev/null; fi
  done
}
signal_all CONT
# Of postmaster.pid, line 1 is the process and line 7 the key and id of its shared memory.
postmaster=$(sed -n 1p "$data/postmaster.pid" 2>/dev/null)
memory=$(sed -n 7p "$data/postmaster.pid" 2>/dev/null)
tries=0
if [ -n "$postmaster" ]; then
  # Immediate shutdown: it gives its shared memory back, which a killed one does not.
  if at_home "/proc/$postmaster"; then kill -QUIT "$postmaster"; fi
  while at_home "/proc/$postmaster" && [ "$tries" -lt 500 ]; do
    sleep 0.02
    tries=$((tries + 1))
  done
fi
signal_all KILL
if [ -e "$data/postmaster.pid" ] && [ -n "$memory" ]; then ipcrm -m "${memory##* }" 2>/dev/null; fi
rm -rf "$1"
