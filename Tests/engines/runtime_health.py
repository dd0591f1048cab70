"""Health checks: cases of `runtime`."""

import json
import os
import subprocess
import time

import runtime_engine as engine
from private_host import run
from reach import expect
from runtime_engine import DATA, IMAGE, api, cli, container, eventually
from suite import case


def health(name):
    return json.loads(cli("inspect", name))[0]["State"].get("Health")


def becomes(name, status, seconds=8):
    return eventually(f"{name} is {status}: {health(name)}", lambda: (lambda now: now if now["Status"] == status else None)(health(name)), seconds)


def checked(name, command, *options, words=(), interval="200ms"):
    """A container that is checked that often."""
    return container(name, *words, options=("--health-cmd", command, "--health-interval", interval, *options))


def status_line(name):
    return cli("ps", "-a", "--filter", f"name={name}", "--format", "{{.Status}}")


def events_since(begin, *filters):
    """What happened since then, as objects."""
    words = [word for one in filters for word in ("--filter", one)]
    text = run(*engine.clients["docker"], "events", "--since", str(begin), "--until", str(int(time.time()) + 1), "--format", "{{json .}}", *words)
    return [json.loads(line) for line in text.splitlines()]


@case("health: starting, then healthy, then unhealthy after so many failures, and healthy again; ps, filters and events tell it")
def health_life():
    begin = int(time.time())
    one = checked("well", "echo looked; test -e /tmp/well", "--health-retries", "2", interval="700ms")
    expect(health("well")["Status"] == "starting" and "(health: starting)" in status_line("well"), f"not starting: {status_line('well')}")
    expect("well" in cli("ps", "--filter", "health=starting", "--format", "{{.Names}}"), "the filter starting does not find it")
    one.command("touch", "/tmp/well")
    now = becomes("well", "healthy")
    expect(now["FailingStreak"] == 0 and now["Log"][-1]["ExitCode"] == 0 and now["Log"][-1]["Output"] == "looked\n", f"{now}")
    expect(now["Log"][-1]["Start"] < now["Log"][-1]["End"], f"{now}")
    expect("(healthy)" in status_line("well"), status_line("well"))
    one.command("rm", "/tmp/well")
    now = becomes("well", "unhealthy")
    expect(now["FailingStreak"] >= 2 and [each["ExitCode"] for each in now["Log"][-2:]] == [1, 1], f"{now}")
    expect("(unhealthy)" in status_line("well") and cli("ps", "-q", "--filter", "health=unhealthy"), "ps does not tell unhealthy")
    expect(not cli("ps", "-q", "--filter", "health=healthy") and not cli("ps", "-q", "--filter", "health=none"), "a filter finds what it should not")
    one.command("touch", "/tmp/well")
    becomes("well", "healthy")
    time.sleep(1)
    told = events_since(begin, "event=health_status", "container=well")
    expect([event["Action"] for event in told] == ["health_status: healthy", "health_status: unhealthy", "health_status: healthy"], f"{told}")
    told = events_since(begin, "container=well")
    for word in ("exec_create: /bin/sh -c echo looked; test -e /tmp/well", "exec_start: /bin/sh -c echo looked; test -e /tmp/well", "exec_die"):
        expect(any(event["Action"] == word and event["Actor"]["Attributes"].get("execID") for event in told), f"no event {word}")
    expect(any(event["Action"] == "exec_die" and event["Actor"]["Attributes"]["exitCode"] == "1" for event in told), "exec_die without exit code")
    kept = json.loads(cli("inspect", "well"))[0]["ExecIDs"] or []
    expect(len(kept) <= 1, f"checks are kept: {kept}")


@case("health: the log has the last five, an output is cut at 4096 bytes, and a command that is not there is a failure")
def health_log():
    checked("talks", "yes loud | head -c 10000; echo x >&2", interval="50ms")
    eventually("seven checks", lambda: len(health("talks")["Log"]) == 5)
    first = health("talks")["Log"][0]["Start"]
    eventually("the oldest goes", lambda: health("talks")["Log"][0]["Start"] > first)
    log = health("talks")["Log"]
    expect(len(log) == 5 and sorted(log, key=lambda each: each["Start"]) == log, f"{len(log)} in the log")
    expect(log[0]["Output"] == "loud\n" * 819 + "l" + "...", f"{len(log[0]['Output'])} bytes of output")
    container("missing", options=("--health-cmd", "nosuch", "--health-interval", "100ms", "--health-retries", "1"))
    expect("nosuch" in becomes("missing", "unhealthy")["Log"][0]["Output"], "the output does not say why")
    _, made = api("POST", "/containers/create?name=direct", {"Image": IMAGE, "Cmd": ["sleep", "600"], "Healthcheck": {
        "Test": ["CMD", "/nosuch"], "Interval": 100_000_000, "Retries": 1}})
    api("POST", f"/containers/{made['Id']}/start")
    now = becomes("direct", "unhealthy")
    expect(now["Log"][0]["ExitCode"] == -1 and "/nosuch" in now["Log"][0]["Output"], f"{now['Log'][0]}")


@case("health: a check that takes too long is killed with all that it started, and counts as a failure")
def health_timeout():
    one = checked("slow", "echo before; sleep 77 & sleep 78; echo after", "--health-timeout", "300ms", "--health-retries", "2")
    now = becomes("slow", "unhealthy", 10)
    expect(now["Log"][0]["ExitCode"] == -1 and now["Log"][0]["Output"] == "Health check exceeded timeout (300ms): before\n", f"{now['Log'][0]}")
    found = [line for line in one.command("ps", "-o", "args").splitlines() if line in ("sleep 77", "sleep 78")]
    expect(len(found) <= 2, f"checks pile up: {found}")


@case("health: failures of the start period do not count, and checks come quicker in it")
def health_start_period():
    begin = time.monotonic()
    container("young", options=("--health-cmd", "false", "--health-interval", "30s", "--health-start-period", "6s", "--health-start-interval", "100ms",
                                "--health-retries", "1"))
    eventually("five checks", lambda: len(health("young")["Log"]) == 5, 5)
    now = health("young")
    if time.monotonic() - begin < 6:
        expect(now["Status"] == "starting" and now["FailingStreak"] == 0, f"{now}")
    checked("old", "false", "--health-start-period", "1s", "--health-retries", "2")
    becomes("old", "unhealthy")


@case("health: no check while it is paused, none after its end, anew after a start, and on after the daemon was killed")
def health_phases():
    one = checked("phases", "date >>/tmp/checks; sleep 0.05; true", interval="100ms")
    becomes("phases", "healthy")
    cli("pause", "phases")
    expect("(Paused)" in status_line("phases"), status_line("phases"))
    log = health("phases")["Log"]
    time.sleep(0.7)
    expect(health("phases")["Log"] == log and log[-1]["ExitCode"] == 0, "it was checked while it was paused")
    cli("unpause", "phases")
    becomes("phases", "healthy")
    before = health("phases")["Log"][-1]
    engine.kill_daemon()
    engine.start_daemon()
    now = health("phases")
    expect(now["Status"] == "healthy" and before in now["Log"], f"the daemon forgot: {now}")
    eventually("checks go on", lambda: health("phases")["Log"][0]["Start"] > now["Log"][-1]["Start"])
    cli("stop", "-t", "0", "phases")
    now = health("phases")
    expect(now["Status"] == "unhealthy" and "Exited" in status_line("phases"), f"{now}")
    time.sleep(0.4)
    expect(health("phases")["Log"] == now["Log"], "it was checked after its end")
    cli("start", "phases")
    expect(health("phases")["Status"] in ("starting", "healthy") and health("phases")["FailingStreak"] == 0, "it did not begin anew")
    becomes("phases", "healthy")
    cli("rm", "-f", "phases")
    # While a check runs.
    checked("dying", "sleep 60", interval="50ms")
    eventually("the check runs", lambda: json.loads(cli("inspect", "dying"))[0]["ExecIDs"])
    begin = time.monotonic()
    cli("pause", "dying")
    expect(not sleeps(), "a check is held still")
    cli("unpause", "dying")
    eventually("the next check runs", lambda: json.loads(cli("inspect", "dying"))[0]["ExecIDs"])
    engine.kill_daemon()
    eventually("the check of a killed daemon ends", lambda: not sleeps())
    engine.start_daemon()
    cli("rm", "-f", "dying")
    expect(time.monotonic() - begin < 5, "a check kept the container")


def sleeps():
    """The processes that run what the check of `dying` runs."""
    return run("pgrep", "-fx", "sleep 60", check=False).split()


@case("health: an image's HEALTHCHECK is made, part by part under the options, and not with --no-healthcheck")
def health_of_image():
    os.makedirs("/run/checked/bin", exist_ok=True)
    run("cp", "/bin/busybox", "/run/checked/bin/busybox")
    for name in ("sh", "sleep", "true", "false"):
        os.link("/run/checked/bin/busybox", f"/run/checked/bin/{name}")
    run("sh", "-c", "tar -C /run/checked -cf - . | docker -H unix://" + engine.SOCKET + " import -c 'CMD [\"sleep\", \"600\"]' "
        "-c 'HEALTHCHECK --interval=200ms --retries=2 CMD [\"/bin/sh\", \"-c\", \"true\"]' - checked/image")
    run("rm", "-rf", "/run/checked")
    try:
        one = container("plain", "sleep", "600", image="checked/image")
        becomes("plain", "healthy")
        expect(one.inspect()["Config"]["Healthcheck"] == {"Interval": 200_000_000, "Retries": 2, "Test": ["CMD", "/bin/sh", "-c", "true"]},
               f"{one.inspect()['Config']['Healthcheck']}")
        one = container("other", "sleep", "600", image="checked/image", options=("--health-cmd", "exit 3"))
        now = becomes("other", "unhealthy")
        expect(now["Log"][0]["ExitCode"] == 3 and now["FailingStreak"] >= 2, f"{now}")
        one = container("none", "sleep", "600", image="checked/image", options=("--no-healthcheck",))
        expect("Health" not in one.inspect()["State"] and "(" not in status_line("none"), "it is checked in spite of --no-healthcheck")
        expect("none" in cli("ps", "--filter", "health=none", "--format", "{{.Names}}"), "the filter none does not find it")
    finally:
        cli("rm", "-f", "plain", "other", "none", check=False)
        run(*engine.clients["docker"], "rmi", "checked/image")


@case("health: what cannot be a check is refused, and nothing is made")
def health_refused():
    for check, wanted in (
        ({"Test": ["CMD", "true"], "Interval": 999_999}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"Test": ["CMD", "true"], "Timeout": 1}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"Test": ["CMD", "true"], "StartPeriod": -1}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"Test": ["CMD", "true"], "StartInterval": 5}, "StartInterval in Healthcheck cannot be less than 1ms"),
        ({"Test": ["CMD", "true"], "Retries": -1}, "Retries"),
        ({"Test": ["CMD"]}, "without a command"),
        ({"Test": ["SHELL", "true"]}, "SHELL"),
        ({"Test": {}}, "Test"),
    ):
        status, answer = api("POST", "/containers/create", {"Image": IMAGE, "Cmd": ["true"], "Healthcheck": check})
        expect(status == 400 and wanted in answer["message"], f"{check}: {status} {answer}")
    expect(not cli("ps", "-aq"), "something was made")
    answer = cli("run", "--no-healthcheck", "--health-cmd", "true", IMAGE, "true", code=125)
    expect("conflict" in answer, answer)
    cli("ps", "--filter", "health=fine", code=1)
    most = (1 << 63) - 1
    _, made = api("POST", "/containers/create?name=seldom", {"Image": IMAGE, "Cmd": ["sleep", "600"], "Healthcheck": {
        "Test": ["CMD", "true"], "Interval": most, "Timeout": most, "StartPeriod": most, "StartInterval": most, "Retries": (1 << 31) - 1}})
    api("POST", f"/containers/{made['Id']}/start")
    time.sleep(0.2)
    expect(health("seldom") == {"Status": "starting", "FailingStreak": 0, "Log": []}, f"{health('seldom')}")


@case("health: sixty containers are all checked, also after the daemon was killed")
def health_of_many():
    names = [f"many{number}" for number in range(60)]
    starts = [subprocess.Popen([*engine.clients["docker"], "run", "-d", "--net=none", "--name", name, "--health-cmd", "true", "--health-interval", "5s", IMAGE,
                                "sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for name in names]
    for process in starts:
        _, errors = process.communicate(timeout=60)
        expect(process.returncode == 0, f"one did not start: {errors}")
    eventually("all are healthy", lambda: len(cli("ps", "-q", "--filter", "health=healthy").split()) == 60, 20)
    engine.kill_daemon()
    engine.start_daemon()
    expect(len(cli("ps", "-q", "--filter", "health=healthy").split()) == 60, "the daemon forgot some")
    after = time.time()
    eventually("all are checked again", lambda: all(
        one["State"]["Health"]["Log"][-1]["Start"] > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(after))
        for one in json.loads(cli("inspect", *names))), 15)
    cli("rm", "-f", *names)
