"""The virtual machine with a stock Debian: what it is, and what is compared."""

import json
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from testbed import snapshot
from testbed.cluster.errors import TestbedError
from testbed.cluster.preflight import port_taken
from testbed.cluster.progress import Progress
from testbed.differences import Difference, differences
from testbed.stock import __main__ as stock
from testbed.vm import __main__ as vm
from testbed.vm import image, look, machine
from testbed.vm.page import page

PROJECT = Path(__file__).parents[2]
DISKS = image.Disks(Path("system.img"), Path("results.img"), Path("vmlinuz"), Path("initrd.img"))


def test_the_machine_has_no_network_and_no_window() -> None:
    command = machine.command(DISKS, Path("console.log"))
    assert command[command.index("-nic") + 1] == "none"
    assert not [word for word in command if "hostfwd" in word or "vnc" in word or "tcp:" in word]
    assert command[command.index("-display") + 1] == "none"


def test_the_machine_is_bounded_and_ends_with_who_started_it() -> None:
    command = machine.command(DISKS, Path("console.log"))
    assert command[:3] == ["setpriv", "--pdeathsig", "KILL"]
    assert command[command.index("-m") + 1] == "7G"
    assert command[command.index("-smp") + 1] == "2"


def test_the_debian_is_a_stock_one() -> None:
    assert set(image.PACKAGES) - {"linux-image-cloud-amd64", "systemd-sysv"} == set(stock.NEEDED)


def test_the_script_of_the_guest_is_a_shell_script_without_errors() -> None:
    script = PROJECT / "testbed" / "vm" / "guest.sh"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0  # noqa: S603, S607
    assert script.stat().st_mode & 0o111


def test_a_snapshot_needs_no_package_beside_python() -> None:
    """It runs before anything is installed: isolated from this environment's packages."""
    code = "import testbed.snapshot, sys; print('clusterproof' in sys.modules)"
    ended = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-S", "-c", code],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout.strip(), ended.stderr) == ("False", "")


def test_a_snapshot_names_what_this_machine_has() -> None:
    assert snapshot.mounts()["/proc"] == "proc"
    assert "lo" in {path.name for path in Path("/sys/class/net").iterdir()}
    assert f"net:[{Path('/proc/self/ns/net').stat().st_ino}]" in snapshot.namespaces()
    assert any(name.startswith("python") or "pytest" in name for name in snapshot.processes())


def test_port_that_something_listens_on_is_seen_and_no_other() -> None:
    number = next(number for number in range(20000, 30000) if not port_taken(number))
    with socket.create_server(("127.0.0.1", number)):
        assert f"tcp 0100007F:{number}" in snapshot.listening()
    assert f"tcp 0100007F:{number}" not in snapshot.listening()


def test_port_that_the_kernel_chose_is_no_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert f"tcp 0100007F:{listener.getsockname()[1]}" not in snapshot.listening()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vm/overcommit_memory", True),
        ("kernel/panic", True),
        ("net/ipv4/ip_forward", True),
        ("kernel/ns_last_pid", False),
        ("kernel/random/entropy_avail", False),
        ("kernel/osrelease", False),
        ("fs/file-nr", False),
        ("fs/inode-state", False),
        ("fs/quota/syncs", False),
        ("fs/dentry-state", False),
    ],
)
def test_what_can_be_set_is_a_parameter_and_what_the_kernel_counts_is_not(
    name: str, *, expected: bool
) -> None:
    assert (name in snapshot.parameters()) is expected


def test_differences_are_named_one_by_one() -> None:
    before = {"mounts": {"/": "ext4", "/old": "tmpfs"}, "packages": {"make": "4.3"}}
    after = {"mounts": {"/": "ext4", "/run/netns": "tmpfs"}, "packages": {"make": "4.4"}}
    assert [str(difference) for difference in differences(before, after)] == [
        "mounts: gone: /old tmpfs",
        "mounts: new: /run/netns tmpfs",
        "packages: make: 4.3 is now 4.4",
    ]


def test_a_machine_that_is_as_it_was_has_none() -> None:
    same = {"mounts": {"/": "ext4"}, "enabled units": {"a.wants/b.service": "b.service"}}
    assert differences(same, same) == ()


def test_a_parameter_that_came_with_a_module_is_the_modules_difference() -> None:
    before = {"kernel parameters": {"kernel/panic": "0"}, "kernel modules": {}}
    after = {
        "kernel parameters": {"kernel/panic": "10", "net/bridge/bridge-nf-call-iptables": "1"},
        "kernel modules": {"br_netfilter": ""},
    }
    assert [str(difference) for difference in differences(before, after)] == [
        "kernel modules: new: br_netfilter",
        "kernel parameters: kernel/panic: 0 is now 10",
    ]


@pytest.mark.parametrize(
    ("section", "name", "expected"),
    [
        ("folders", "/tmp/uv-111bbea11076878d.lock", True),  # noqa: S108 - where uv puts it
        ("folders", "/tmp/uv-pip.lock", False),  # noqa: S108
        ("folders", "/root/.kube", False),
        ("units of systemd", "systemd-tmpfiles-clean.service", True),
        ("units of systemd", "apt-daily-upgrade.timer", True),
        ("units of systemd", "nginx.service", False),
        ("units of systemd", "clusterproof-testbed.scope", False),
        ("enabled units", "apt-daily.timer", False),
        ("listening sockets", "tcp 00000000:80", False),
    ],
)
def test_only_what_the_system_and_its_tools_do_by_themselves_is_let_through(
    section: str, name: str, *, expected: bool
) -> None:
    assert bool(Difference(section, name, None, "loaded active").own_course) is expected


def test_a_control_group_may_go_and_may_not_come() -> None:
    assert Difference("control groups", "memory/app", "", None).own_course
    assert not Difference("control groups", "memory/app", None, "").own_course


def _results(folder: Path, content: bytes) -> image.Disks:
    disk = folder / "results.img"
    disk.write_bytes(content + bytes(2**20 - len(content) % 2**20))
    return image.Disks(folder / "system.img", disk, folder / "vmlinuz", folder / "initrd.img")


@pytest.fixture
def switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of QEMU, a program that writes to the console and ends."""
    monkeypatch.setattr(
        machine,
        "command",
        lambda _, console: ["sh", "-c", f"printf 'x\\n[ 1.2] demo-vm: done\\n' > {console}"],
    )


@pytest.mark.usefixtures("switched_off")
def test_results_are_read_from_the_second_disk(tmp_path: Path) -> None:
    (tmp_path / "steps.jsonl").write_text("{}\n")
    with tarfile.open(tmp_path / "made.tar", "w") as archive:
        archive.add(tmp_path / "steps.jsonl", "steps.jsonl")
    told: list[str] = []
    disks = _results(tmp_path, (tmp_path / "made.tar").read_bytes())
    results = machine.boot(disks, tmp_path, told.append)
    assert (results / "steps.jsonl").read_text() == "{}\n"
    assert told == ["done"]


@pytest.mark.usefixtures("switched_off")
def test_a_machine_without_results_says_what_its_console_said(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match=r"(?s)expected an archive of results.*demo-vm: done"):
        machine.boot(_results(tmp_path, b""), tmp_path, lambda _: None)


def test_a_machine_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "command", lambda *_: ["sleep", "600"])
    monkeypatch.setattr(machine, "WHOLE_RUN_WITHIN_S", 0.1)
    with pytest.raises(TestbedError, match="the virtual machine to switch itself off"):
        machine.boot(_results(tmp_path, b""), tmp_path, lambda _: None)


def _seen() -> dict[str, object]:
    return {
        "date": "2026-11-26",
        "commit": "0123456789ab",
        "packages": image.PACKAGES,
        "accelerator": "tcg",
        "patience": 40,
        "machine": {
            "system": "Debian",
            "kernel": "6.1",
            "systemd": "systemd 252",
            "cgroup": "cgroup2fs",
            "memory_kib": 7 * 2**20,
            "cpus": 2,
        },
        "steps": [{"name": "cluster", "command": "make cluster", "seconds": 9, "exit": 0}],
        "before": {"mounts": {"/": "ext4"}},
        "after": {"mounts": {"/": "ext4"}},
        "during": {},
    }


def test_the_page_of_a_cluster_that_did_not_come_up_says_so() -> None:
    text = page(_seen(), ())
    assert "The cluster did not come up" in text
    assert "0 differences." in text


def test_the_page_lists_every_difference() -> None:
    left = (
        Difference("mounts", "/run/netns", None, "tmpfs"),
        Difference("units of systemd", "apt-daily.service", None, "loaded inactive"),
    )
    ours, by_itself = page(_seen(), left).split("by themselves")
    assert "1 differences:\n- mounts: new: /run/netns tmpfs" in ours
    assert "apt-daily.service loaded inactive (a timer of the system's)" in by_itself
    assert json.dumps(_seen())


def test_memory_that_the_kernel_can_free_counts_as_available() -> None:
    text = "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 60 kB\nHugePages_Total: 0\n"
    assert vm.available_memory(text) == 60 * 1024


@pytest.mark.parametrize(
    ("name", "phase", "ready", "expected"),
    [
        ("coredns", "Running", True, vm.OK),
        ("coredns", "Running", False, vm.FAILED),
        ("coredns", "Pending", False, vm.FAILED),
        (look.TOO_BIG, "Running", False, vm.OK),
        (look.TOO_BIG, "Pending", False, vm.FAILED),
    ],
)
def test_a_pod_that_does_not_run_is_a_failure_but_for_the_one_that_may_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    phase: str,
    ready: bool,  # noqa: FBT001 - a value of the table
    expected: int,
) -> None:
    monkeypatch.setattr(vm, "DELIVERED", tmp_path)
    monkeypatch.setattr(vm, "page", lambda *_: "")
    pod = {"namespace": "n", "name": name, "phase": phase, "ready": ready}
    seen = _seen() | {"during": {"pods": [pod]}}
    assert vm._told(seen, tmp_path / "page.md", Progress()) == expected
