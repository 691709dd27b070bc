# shellcheck shell=bash disable=SC2154
# A private Docker engine for the tests, and the base image of their images. Sourced after scripts/lib.sh and
# scripts/servers.sh. The base image is built from Debian packages, because a test machine may not reach any registry to
# pull from.

# The Debian suite of the base image.
docker_suite=bookworm

# Prints the missing packages of the engine. Prints nothing if the user is not root, because only root can run an engine.
missing_docker_packages() {
  if [ "$(id -u)" -ne 0 ]; then return; fi
  [ -x /usr/sbin/dockerd ] && [ -x /usr/bin/docker ] || echo docker.io
  have iptables || echo iptables
  have debootstrap || echo debootstrap
}

# Builds the archive of the base image if it does not exist yet, and prints its path. The archive appears only when it is
# complete.
ensure_base_image() {
  local archive staging
  archive=$(tools_directory)/docker-base-$docker_suite.tar
  if [ ! -e "$archive" ]; then
    info "building a base image for Docker from Debian packages (once, about a minute)"
    mkdir -p "$(dirname "$archive")"
    staging=$(mktemp -d "$archive.XXXXXX")
    if ! debootstrap --variant=minbase --include=ca-certificates,git "$docker_suite" "$staging/root" >"$staging/log" 2>&1; then
      tail -n 5 "$staging/log" >&2
      rm -rf "$staging"
      die "debootstrap could not build a base image" "it needs the packages of Debian $docker_suite; see the messages above"
    fi
    tar -C "$staging/root" -cf "$staging/base.tar" .
    mv -T "$staging/base.tar" "$archive"
    rm -rf "$staging"
  fi
  echo "$archive"
}

# Starts an engine that keeps all its files in one directory, exports its socket as TEST_DOCKER and the archive of the
# base image as TEST_DOCKER_BASE, and imports the base image. stop_docker removes all of it.
start_docker() {
  local archive
  archive=$(ensure_base_image)
  docker_directory=$(mktemp -d /tmp/eklavya-docker.XXXXXX)
  TEST_DOCKER=$docker_directory/docker.sock TEST_DOCKER_BASE=$archive
  export TEST_DOCKER TEST_DOCKER_BASE
  dockerd --data-root "$docker_directory/data" --exec-root "$docker_directory/exec" --pidfile "$docker_directory/pid" \
    --host "unix://$TEST_DOCKER" --bridge none --iptables=false --ip-forward=false >"$docker_directory/log" 2>&1 &
  docker_pid=$!
  for _ in $(seq 300); do
    if /usr/bin/docker --host "unix://$TEST_DOCKER" version >/dev/null 2>&1; then break; fi
    if ! kill -0 "$docker_pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if ! /usr/bin/docker --host "unix://$TEST_DOCKER" import "$archive" "eklavya/test-base:$docker_suite" >/dev/null; then
    tail -n 5 "$docker_directory/log" >&2
    die "the Docker engine did not start" "the Docker tests need it; see the messages above"
  fi
  info "Docker $(/usr/bin/docker --host "unix://$TEST_DOCKER" version --format '{{.Server.Version}}')"
}

# Stops the engine and removes its directory.
stop_docker() {
  if [ -n "${docker_pid:-}" ]; then
    kill "$docker_pid" 2>/dev/null || true
    wait "$docker_pid" 2>/dev/null || true
  fi
  if [ -n "${docker_directory:-}" ]; then
    # Containers can leave mounts behind.
    grep -o " $docker_directory/[^ ]*" /proc/self/mounts | sort -r | xargs -r -n 1 umount -l || true
    rm -rf "$docker_directory"
  fi
  docker_pid='' docker_directory=''
}
