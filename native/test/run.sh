#!/usr/bin/env bash
# The tests of the storage core, under the address and undefined-behaviour sanitizers, from any
# folder. Ends with "N passed, N failed" and exits non-zero if any failed. SQLite itself is compiled
# once into build/native-test, which takes most of a first run.
set -u
cd "$(dirname "$0")/../.."

out=build/native-test
headers=node_modules/better-sqlite3/deps/sqlite3
strict=(-std=c11 -O1 -g -Wall -Wextra -Werror -pthread)
sanitize=(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

fail() {
  echo "$1" >&2
  echo "0 passed, 1 failed"
  exit 1
}

[ -f $headers/sqlite3.c ] || fail "SQLite's source is missing: install the packages first (make test)"

# As better-sqlite3 builds it where it matters here: one connection, one thread; nothing deprecated.
if [ ! $out/sqlite3.o -nt $headers/sqlite3.c ]; then
  cc -O0 -g1 -DSQLITE_THREADSAFE=2 -DSQLITE_OMIT_DEPRECATED -DSQLITE_DQS=0 "${sanitize[@]}" \
    -c $headers/sqlite3.c -o $out/sqlite3.o &
  sqlite=$!
fi

cc "${strict[@]}" "${sanitize[@]}" -fPIC -shared -I $headers native/*.c -o $out/mqcore.so &&
  cc "${strict[@]}" "${sanitize[@]}" native/test/test_core.c \
    native/mqcore.c native/crc32c.c native/record.c -o $out/test_core &&
  cc "${strict[@]}" -fPIC -shared native/test/powercut.c -o $out/powercut.so &&
  cc "${strict[@]}" native/test/test_powercut.c -o $out/test_powercut || fail 'the core does not compile'
if [ -n "${sqlite-}" ]; then wait "$sqlite" || fail 'SQLite does not compile'; fi
for name in extension messages_table; do
  cc "${strict[@]}" "${sanitize[@]}" -I $headers native/test/test_$name.c native/mqcore.c \
    native/crc32c.c $out/sqlite3.o -ldl -lm -o $out/test_$name || fail "test_$name does not compile"
done

# Each program ends with "<name>: N checks held, N did not".
run() {
  local name=$1 status
  shift
  "$@" 2>&1 | tee "$work/$name"
  status=${PIPESTATUS[0]}
  if [ "$status" -ne 0 ] && ! grep -q 'checks held, [1-9]' "$work/$name"; then
    echo "$name: 0 checks held, 1 did not (exit status $status)" | tee -a "$work/$name"
  fi
}

mkdir "$work/root"
echo 'was here' >"$work/root/before"
run core $out/test_core
run extension $out/test_extension $out/mqcore.so
run messages_table $out/test_messages_table $out/mqcore.so
run powercut env LD_PRELOAD="$PWD/$out/powercut.so" MQ_POWERCUT_ROOT="$work/root" \
  MQ_POWERCUT_SHADOW="$work/shadow" $out/test_powercut

cat "$work"/{core,extension,messages_table,powercut} | awk '
  match($0, /[0-9]+ checks held, [0-9]+ did not/) {
    split(substr($0, RSTART, RLENGTH), part, " ")
    held += part[1]; broken += part[4]
  }
  END { print held + 0 " passed, " broken + 0 " failed"; exit broken > 0 }'
