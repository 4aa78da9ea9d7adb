#!/usr/bin/env bash
# A real S3 server for tests: one Ceph monitor, one OSD and the RADOS gateway, on loopback, in one folder.
#   scripts/s3-gateway.sh start    installs Ceph from Debian if need be (root), starts it, prints what to export
#   scripts/s3-gateway.sh stop     ends all of it and removes the folder
# S3_GATEWAY_DIR, S3_GATEWAY_PORT and S3_MONITOR_PORT choose where; ready in about 20 s, 500 MB of memory.
set -euo pipefail
dir=${S3_GATEWAY_DIR:-/tmp/tessera-s3-gateway}
port=${S3_GATEWAY_PORT:-7480}
monitor=${S3_MONITOR_PORT:-6789}
key=tessera
secret=tessera-tests-only

fail() {
  printf 's3-gateway: %s\n' "$1" >&2
  exit 1
}

install() {
  command -v radosgw ceph-mon ceph-osd >/dev/null && return
  command -v apt-get >/dev/null || fail "Ceph is not installed, and there is no apt-get to install it with."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    ceph-mon ceph-osd radosgw ceph-common curl >"$dir/install.log" 2>&1 ||
    fail "Ceph could not be installed: see $dir/install.log"
}

configure() {
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $1
mon_host = v1:127.0.0.1:$monitor
mon_initial_members = a
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
mon_data_avail_crit = 0
osd_crush_chooseleaf_type = 0
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
mon_max_pg_per_osd = 1000
bluestore_block_size = 10737418240
osd_memory_target = 1073741824
osd_class_update_on_start = false
run_dir = $dir/run
admin_socket = $dir/run/\$name.asok
pid_file = $dir/run/\$name.pid
log_file = $dir/log/\$name.log
crash_dir = $dir/run
[mon]
mon_data = $dir/mon
[osd]
osd_data = $dir/osd
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_data = $dir/run
CONF
}

# Wait until a command succeeds, at most 60 s.
await() {
  local what=$1 end=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "$what did not come up within 60 s; see $dir/log"
    sleep 0.3
  done
}

# Run a daemon in a session of its own, so that it outlives this script.
daemon() {
  setsid "$@" >>"$dir/log/daemons.out" 2>&1 </dev/null &
}

# The first start of a fresh OSD may fail with 'wrong fsid'; the next one works.
start_osd() {
  daemon bash -c 'for _ in 1 2 3 4 5; do ceph-osd -c "$0/ceph.conf" -i 0 -f && break; sleep 1; done' "$dir"
}

osd_is_up() { timeout 5 ceph -c "$dir/ceph.conf" osd stat | grep -q '1 up'; }

start() {
  [ ! -e "$dir/ceph.conf" ] || fail "there is one already in $dir; stop it first."
  mkdir -p "$dir"/{mon,osd,run,log}
  install
  local cluster osd conf=(-c "$dir/ceph.conf")
  cluster=$(cat /proc/sys/kernel/random/uuid)
  osd=$(cat /proc/sys/kernel/random/uuid)
  configure "$cluster"
  monmaptool --create --clobber --fsid "$cluster" --addv a "v1:127.0.0.1:$monitor" "$dir/run/monmap" >/dev/null
  ceph-mon "${conf[@]}" --mkfs -i a --monmap "$dir/run/monmap"
  daemon ceph-mon "${conf[@]}" -i a -f
  await "the monitor" timeout 5 ceph "${conf[@]}" osd new "$osd"
  ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$osd" >"$dir/log/mkfs.out" 2>&1
  start_osd
  await "the OSD" osd_is_up
  radosgw-admin "${conf[@]}" -n client.rgw user create --uid=tessera --display-name=tessera \
    --access-key="$key" --secret="$secret" >/dev/null 2>"$dir/log/user.out"
  daemon radosgw "${conf[@]}" -n client.rgw -f
  await "the gateway" curl -s -o /dev/null "http://127.0.0.1:$port/"
  printf 'export TESSERA_TEST_S3_ENDPOINT=http://127.0.0.1:%s TESSERA_TEST_S3_KEY=%s TESSERA_TEST_S3_SECRET=%s\n' \
    "$port" "$key" "$secret"
}

stop() {
  [ -f "$dir/ceph.conf" ] || fail "there is none in $dir."
  pkill -KILL -f -- "-c $dir/ceph.conf" || true
  pkill -KILL -f -- "bash -c .* $dir" || true
  rm -rf "$dir"
}

case ${1:-} in
start) start ;;
stop) stop ;;
*) fail "say start or stop." ;;
esac
