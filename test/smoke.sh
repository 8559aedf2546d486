#!/usr/bin/env bash
# Copies one executable alone into an empty directory, runs a two-broker cluster with it there, and
# checks that what went in comes out. Usage: test/smoke.sh dist/mq
set -eu
source=$(realpath "$1")
folder=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT
cp "$source" "$folder/mq"
cd "$folder"

# node NAME ARGS…: starts a node and waits for its "ready" line; sets `address`.
node() {
  local name=$1 left=100
  shift
  env -i HOME="$folder" TMPDIR="${TMPDIR:-/tmp}" ./mq "$@" >"$name.out" 2>"$name.err" &
  pids+=($!)
  until grep -q '^ready ' "$name.out"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "$name is not ready: $(cat "$name.err")" >&2; exit 1; }
    sleep 0.1
  done
  address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$name.out" | head -n 1)
}

node ns nameserver --listen 127.0.0.1:0
export MQ_NAMESERVER=$address
for name in broker-a broker-b; do
  node "$name" broker --name "$name" --cluster local --listen 127.0.0.1:0 \
    --nameservers "$MQ_NAMESERVER" --data "$folder/$name"
done
./mq topic create smoke --queues 4
seq 1 1000 >sent
./mq produce smoke <sent
./mq consume smoke --group smoke --from start --count 1000 --timeout 30s --format '{body}' | sort -n >received
cmp sent received
./mq route smoke >routes
grep -q broker-a routes && grep -q broker-b routes
for pid in "${pids[@]}"; do kill "$pid"; done
for pid in "${pids[@]}"; do wait "$pid"; done
pids=()
echo "1000 messages in, 1000 out, two brokers, every process stopped cleanly"
