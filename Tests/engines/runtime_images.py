"""A container's root as an archive and as an image: cases of `runtime`."""

import json
import os
import subprocess
import time

import runtime_engine as engine
from private_host import run
from reach import expect
from runtime_engine import IMAGE, api, cli, container, eventually
from suite import case


def most_memory():
    """Bytes that the daemon has had at most."""
    with open(f"/proc/{engine.daemon.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024


def listing(path):
    return run("tar", "-tvf", path).splitlines()


@case("export: the whole root with what was changed, without volumes and /proc, running or not, and import takes it")
def exports():
    one = container("source", options=("-v", "/kept"))
    one.command("sh", "-c", "echo volume >/kept/f; mkdir /made; echo text >/made/file; ln /made/file /made/twin; ln -s file /made/link;"
                " chmod 4711 /made/file; chown 12:34 /made; mkfifo /made/pipe; rm /bin/date")
    cli("export", "-o", "/run/export.tar", "source")
    names = {line.split()[5]: line for line in listing("/run/export.tar")}
    expect("made/file" in names and names["made/file"].startswith("-rws--x--x"), f"{names.get('made/file')}")
    expect(names["made/"].split()[1] == "12/34", names["made/"])
    expect(names["made/twin"].startswith("h") and " -> file" in names["made/link"] and names["made/pipe"].startswith("p"), "links, or the pipe")
    expect("bin/sh" in names and "bin/date" not in names, "what the image has is not there, or what was removed is")
    expect("kept/f" not in names and not any(name.startswith("proc/") and name != "proc/" for name in names), "a volume or /proc is there")
    cli("stop", "-t", "0", "source")
    cli("export", "-o", "/run/stopped.tar", "source")
    expect({line.split()[5] for line in listing("/run/stopped.tar")} >= {"made/file", "bin/sh"}, "a stopped one has less")
    run(*engine.clients["docker"], "import", "-c", "CMD [\"sh\"]", "/run/stopped.tar", "made/anew")
    try:
        expect(cli("run", "--rm", "made/anew", "cat", "/made/twin") == "text", "what was imported does not run")
    finally:
        run(*engine.clients["docker"], "rmi", "made/anew")
        for name in ("export.tar", "stopped.tar"):
            os.remove(f"/run/{name}")
    status, answer = api("GET", "/containers/nosuch/export")
    expect(status == 404 and "nosuch" in answer["message"], f"{status} {answer}")


@case("export: who reads it slowly costs no memory, and keeps nobody from starting, stopping and removing the container")
def slow_export():
    container("large", "sh", "-c", "test -e /zlarge || dd if=/dev/zero of=/zlarge bs=1M count=120 2>/dev/null; echo done; sleep 600")
    eventually("the file is there", lambda: cli("logs", "large") == "done")
    before = most_memory()
    with open("/dev/null", "wb") as null:
        subprocess.run([*engine.clients["docker"], "export", "large"], stdout=null, check=True, timeout=60)
    expect(most_memory() - before < 24 << 20, f"an export of 120 MiB cost {(most_memory() - before) >> 20} MiB")
    for state in ("running", "stopped"):
        if state == "stopped":
            cli("stop", "-t", "0", "large")
        with subprocess.Popen([*engine.clients["docker"], "export", "large"], stdout=subprocess.PIPE) as reader:
            reader.stdout.read(512)
            begin = time.monotonic()
            cli("restart", "-t", "0", "large")
            expect(json.loads(cli("inspect", "large"))[0]["State"]["Running"], f"{state}: it does not start")
            expect(time.monotonic() - begin < 5, f"{state}: a restart took {time.monotonic() - begin:.1f} s")
            # The rest comes whole.
            rest = sum(len(chunk) for chunk in iter(lambda: reader.stdout.read(1 << 20), b""))
            expect(rest > 120 << 20 and reader.wait(20) == 0, f"{state}: {rest} bytes came")
    cli("stop", "-t", "0", "large")
    with subprocess.Popen([*engine.clients["docker"], "export", "large"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader:
        reader.stdout.read(512)
        cli("rm", "large")
        expect(not cli("ps", "-aq"), "it is still there")
        reader.kill()


@case("commit: an image of what was changed, with the container's configuration under what is asked for")
def commits():
    one = container("work", options=("-e", "A=1", "--label", "l=container", "-v", "/data", "-w", "/tmp", "--health-cmd", "true", "--health-interval", "300ms",
                                     "--user", "1000"))
    eventually("it is healthy", lambda: one.inspect()["State"]["Health"]["Status"] == "healthy")
    run(*engine.clients["docker"], "exec", "-u", "0", "work", "sh", "-c", "echo kept >/tmp/file; echo volume >/data/f")
    run(*engine.clients["docker"], "exec", "-u", "0", "work", "rm", "/bin/date")
    begin = int(time.time())
    before = most_memory()
    image = cli("commit", "-a", "somebody", "-m", "a note", "-c", "ENV B=2", "-c", "CMD [\"cat\", \"/tmp/file\"]", "work", "made/image:one").splitlines()[-1]
    expect(most_memory() - before < 48 << 20, f"a commit cost {(most_memory() - before) >> 20} MiB")
    try:
        state = one.inspect()["State"]
        expect(state["Status"] == "running" and state["Health"]["Status"] == "healthy", f"{state}")
        told = run(*engine.clients["docker"], "events", "--since", str(begin), "--until", str(int(time.time()) + 1), "--format", "{{.Action}} {{.Actor.Attributes.imageID}}")
        expect(f"commit {image}" in told and "pause " in told and "unpause " in told, told)
        made = api("GET", "/images/made/image:one/json")[1]
        config = made["Config"]
        expect(made["Id"] == image and made["Author"] == "somebody" and made["Comment"] == "a note", f"{made}")
        expect(config["Cmd"] == ["cat", "/tmp/file"] and config["User"] == "1000" and config["WorkingDir"] == "/tmp", f"{config}")
        expect({"A=1", "B=2"} <= set(config["Env"]) and config["Labels"]["l"] == "container" and "/data" in config["Volumes"], f"{config}")
        expect(config["Healthcheck"]["Test"] == ["CMD-SHELL", "true"] and "Hostname" not in config, f"{config}")
        layers = api("GET", f"/images/{IMAGE}/json")[1]["RootFS"]["Layers"]
        expect(made["RootFS"]["Layers"][:-1] == layers, "it does not stand on the image's layers")
        expect(cli("run", "--rm", "made/image:one") == "kept", "it does not run as it says")
        expect(cli("run", "--rm", "made/image:one", "ls", "/data") == "", "the volume is part of it")
        expect("No such file" in cli("run", "--rm", "made/image:one", "ls", "/bin/date", check=False), "what was removed is there")
        # One that does not run, without a name; on top of a commit.
        container("next", "true", image="made/image:one")
        eventually("it has ended", lambda: "Exited" in cli("ps", "-a", "--filter", "name=next", "--format", "{{.Status}}"))
        second = api("POST", "/commit?container=next", {"Cmd": ["echo", "second"], "Labels": {"l": "asked"}})[1]["Id"]
        config = api("GET", f"/images/{second}/json")[1]["Config"]
        expect(config["Labels"]["l"] == "asked" and config["Cmd"] == ["echo", "second"] and "B=2" in config["Env"], f"{config}")
        expect(cli("run", "--rm", second, check=False) == "second", "the second does not run")
        api("DELETE", f"/images/{second}")
        for query, body, code in (("container=nosuch", None, 404), ("", None, 400), ("container=next&changes=FROM%20x", None, 400),
                                  ("container=next&repo=BAD%20NAME", None, 400), ("container=next", {"Env": [1]}, 400)):
            status, answer = api("POST", f"/commit?{query}", body)
            expect(status == code, f"{query}: {status} {answer}")
        expect(len(api("GET", "/images/json")[1]) == 2, "something was half made")
    finally:
        cli("rm", "-f", "work", "next", check=False)
        run(*engine.clients["docker"], "rmi", "-f", "made/image:one", check=False)
        run(*engine.clients["docker"], "image", "prune", "-f")


@case("commit: a daemon that is killed in the middle of one lets the container go on when it comes back, and no other that was paused")
def cut_commit():
    one = container("held", "sh", "-c", "dd if=/dev/urandom of=/large bs=1M count=200 2>/dev/null; echo done; sleep 600")
    container("paused")
    cli("pause", "paused")
    eventually("the file is there", lambda: cli("logs", "held") == "done", 30)
    with subprocess.Popen([*engine.clients["docker"], "commit", "held", "made/cut"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        eventually("it is held still", lambda: api("GET", "/containers/held/json")[1]["State"]["Paused"], 20)
        engine.kill_daemon()
        expect(client.wait(20) != 0, "the commit came through before the daemon was killed: the case proves nothing")
    engine.start_daemon()
    expect(one.inspect()["State"]["Status"] == "running", f"it is {one.inspect()['State']}")
    expect(one.command("echo", "hi") == "hi", "nothing runs in it")
    expect(json.loads(cli("inspect", "paused"))[0]["State"]["Paused"], "what a person paused goes on")
