# shellcheck shell=bash disable=SC2154
# A private Docker engine for the tests, and the image that theirs are built on. Sourced after scripts/lib.sh and
# scripts/servers.sh. Nothing can be pulled where there is no registry, so the base is made of Debian's packages.

# The suite of Debian that the base is made of.
docker_suite=bookworm

# Prints the packages of the engine that are missing. Only root runs one.
missing_docker() {
  if [ "$(id -u)" -ne 0 ]; then return; fi
  [ -x /usr/sbin/dockerd ] && [ -x /usr/bin/docker ] || echo docker.io
  have iptables || echo iptables
  have debootstrap || echo debootstrap
}

# Makes the archive of the base image, unless that was done; it is there whole or not at all. Prints it.
docker_base() {
  local archive place
  archive=$(tools_directory)/docker-base-$docker_suite.tar
  if [ ! -e "$archive" ]; then
    say "making a base image for Docker from Debian's packages (once, about a minute)"
    mkdir -p "$(dirname "$archive")"
    place=$(mktemp -d "$archive.XXXXXX")
    if ! debootstrap --variant=minbase --include=ca-certificates,git "$docker_suite" "$place/root" >"$place/log" 2>&1; then
      tail -n 5 "$place/log" >&2
      rm -rf "$place"
      die "debootstrap could not make a base image" "it needs Debian's packages of $docker_suite: see above"
    fi
    tar -C "$place/root" -cf "$place/base.tar" .
    mv -T "$place/base.tar" "$archive"
    rm -rf "$place"
  fi
  echo "$archive"
}

# Starts an engine with everything that it has in one directory, exports where it is, and gives it the base image.
# stop_docker takes all of that away.
start_docker() {
  local archive
  archive=$(docker_base)
  docker_place=$(mktemp -d /tmp/eklavya-docker.XXXXXX)
  TEST_DOCKER=$docker_place/docker.sock TEST_DOCKER_BASE=$archive
  export TEST_DOCKER TEST_DOCKER_BASE
  dockerd --data-root "$docker_place/data" --exec-root "$docker_place/exec" --pidfile "$docker_place/pid" \
    --host "unix://$TEST_DOCKER" --bridge none --iptables=false --ip-forward=false >"$docker_place/log" 2>&1 &
  docker_pid=$!
  for _ in $(seq 300); do
    if /usr/bin/docker --host "unix://$TEST_DOCKER" version >/dev/null 2>&1; then break; fi
    if ! kill -0 "$docker_pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if ! /usr/bin/docker --host "unix://$TEST_DOCKER" import "$archive" "eklavya/test-base:$docker_suite" >/dev/null; then
    tail -n 5 "$docker_place/log" >&2
    die "a Docker engine could not be started" "the tests of Docker need one: see above"
  fi
  say "Docker $(/usr/bin/docker --host "unix://$TEST_DOCKER" version --format '{{.Server.Version}}')"
}

# Ends the engine and removes what it has.
stop_docker() {
  if [ -n "${docker_pid:-}" ]; then
    kill "$docker_pid" 2>/dev/null || true
    wait "$docker_pid" 2>/dev/null || true
  fi
  if [ -n "${docker_place:-}" ]; then
    # What is still mounted there was a container's.
    grep -o " $docker_place/[^ ]*" /proc/self/mounts | sort -r | xargs -r -n 1 umount -l || true
    rm -rf "$docker_place"
  fi
  docker_pid='' docker_place=''
}
