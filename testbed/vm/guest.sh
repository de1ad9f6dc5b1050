#!/bin/bash
# What the virtual machine does by itself, from its first boot to its end. Written to the console:
# lines that begin with "demo-vm:". Results: a tar archive on the second disk.
set -u
cd /srv/clusterproof
results=/run/demo-vm
mkdir -p "$results"

say() { echo "demo-vm: $*"; }

# step NAME COMMAND...: runs it, notes how long it took and how it ended.
step() {
  local name=$1 began ended code
  shift
  say "$name ..."
  began=$(date +%s)
  "$@" 2>&1 | tee "$results/$name.log" | sed --unbuffered 's/^/demo-vm:   /'
  code=${PIPESTATUS[0]}
  ended=$(date +%s)
  printf '{"name": "%s", "command": "%s", "exit": %d, "seconds": %d}\n' \
    "$name" "$*" "$code" "$((ended - began))" >> "$results/steps.jsonl"
  say "$name: exit $code after $((ended - began)) s"
  return "$code"
}

finish() {
  say "writing the results"
  tar -C "$results" -cf /dev/vdb .
  sync
  say "done"
  systemctl poweroff
}
trap finish EXIT

# A transient unit makes systemd look at its control groups again, before both snapshots.
export SYSTEMD_BUS_TIMEOUT=600
settle() {
  systemd-run --quiet --wait true
  sleep 10
}

systemctl is-system-running --wait
{
  . /etc/os-release
  printf '{"system": "%s", "kernel": "%s", "systemd": "%s", "cgroup": "%s", "memory_kib": %d, "cpus": %d}\n' \
    "$PRETTY_NAME" "$(uname -r)" "$(systemctl --version | head -n 1)" \
    "$(stat -f -c %T /sys/fs/cgroup)" "$(awk '/MemTotal/ {print $2}' /proc/meminfo)" "$(nproc)"
} > "$results/machine.json"
settle
step before python3 -m testbed.snapshot "$results/before.json"
if step install make install && step cluster make cluster IMAGES=system; then
  step look .venv/bin/python -m testbed.vm.look "$results/during.json"
fi
cp -r /var/lib/clusterproof-testbed/logs "$results/logs"
step cluster-down make cluster-down
settle
step after python3 -m testbed.snapshot "$results/after.json"
