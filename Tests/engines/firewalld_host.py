"""The real firewalld with a bus of its own, in a private host (private_host.py)."""

import contextlib
import os
import shutil
import subprocess
import time

from private_host import Failed, run

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
"""


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise Failed(f"{what} did not come within {seconds} s")


def answers():
    return subprocess.run(["firewall-cmd", "--state"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0


@contextlib.contextmanager
def firewalld(**settings):
    """firewalld with these of its settings (FirewallBackend="iptables"), from a copy of its configuration; it takes its rules with it."""
    copy = "/run/copies/etc/firewalld"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree("/etc/firewalld", copy, symlinks=True)
    run("mount", "--bind", copy, "/etc/firewalld")
    for name, value in settings.items():
        run("sed", "-i", f"s/^{name}=.*/{name}={value}/", "/etc/firewalld/firewalld.conf")
        with open("/etc/firewalld/firewalld.conf") as file:
            if f"\n{name}={value}\n" not in file.read():
                raise Failed(f"firewalld.conf has no {name}")
    os.makedirs("/run/dbus", exist_ok=True)
    with open("/run/bus.conf", "w") as file:
        file.write(BUS)
    log = open("/run/firewalld.log", "ab")
    children = []
    try:
        for command in (["dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile"], ["firewalld", "--nofork", "--nopid"]):
            children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            if len(children) == 1:
                wait_for("the bus", lambda: os.path.exists("/run/dbus/system_bus_socket"))
        wait_for("firewalld", answers)
        yield children[1]
    finally:
        for child in reversed(children):
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        log.close()
        if os.path.exists("/run/dbus/system_bus_socket"):
            os.unlink("/run/dbus/system_bus_socket")
        run("umount", "/etc/firewalld")
