"""Port ranges, other containers' volumes and links: cases of `runtime`."""

import json
import os
import subprocess
import threading

import runtime_engine as engine
from private_host import run
from reach import expect
from runtime_engine import IMAGE, api, cli, container, eventually
from suite import case


def port_of(name):
    return int(cli("port", name, "80/tcp").splitlines()[0].rsplit(":", 1)[1])


def answers(port):
    text = run("sh", "-c", f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 4 socat -T2 - TCP:127.0.0.1:{port},connect-timeout=2", check=False)
    return text.splitlines()[-1] if text else ""


def web(name, *options):
    return container(name, "sh", "-c", f"echo page of {name} >/var/www/index.html; exec httpd -f -p 80", options=options)


@case("ranges: of a host's range the first free port is taken, past containers and other programs, and none is an error")
def port_ranges():
    for name, port in (("first", 8100), ("second", 8101)):
        web(name, "-p", "8100-8103:80")
        expect(port_of(name) == port, f"{name} has {port_of(name)}")
        eventually(f"the page of {name}", lambda name=name, port=port: answers(port) == f"page of {name}")
    with subprocess.Popen(["socat", "TCP-LISTEN:8102,reuseaddr,fork", "SYSTEM:true"]) as listener:
        eventually("somebody listens", lambda: ":8102 " in run("ss", "-ltn"))
        web("third", "-p", "8100-8103:80")
        expect(port_of("third") == 8103, f"third has {port_of('third')}")
        answer = cli("run", "-d", "--name", "none", "-p", "8100-8103:80", IMAGE, "true", code=125)
        expect("8100" in answer and "8103" in answer, f"a range without a free port: {answer}")
        cli("rm", "none")
        listener.terminate()
    # What is given back is taken first, and one that starts again chooses anew.
    cli("rm", "-f", "first")
    cli("restart", "-t", "0", "third")
    expect(port_of("third") == 8100, f"third has {port_of('third')} after its restart")
    # Another address is another port; a range for each of two ports.
    one = web("both", "-p", "127.0.0.1:8200-8201:80", "-p", "127.0.0.1:8200-8201:81")
    ports = one.inspect()["NetworkSettings"]["Ports"]
    expect([ports["80/tcp"][0]["HostPort"], ports["81/tcp"][0]["HostPort"]] == ["8200", "8201"], f"{ports}")
    expect(one.inspect()["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"] == "8200-8201", "the wish is not kept as it was")
    status, answer = api("POST", "/containers/create", {"Image": IMAGE, "Cmd": ["true"], "HostConfig": {
        "PortBindings": {"80-81/tcp": [{"HostPort": "8300-8302"}]}}})
    expect(status == 400 and "8300-8302" in answer["message"], f"{status} {answer}")


@case("volumes-from: another's volumes and binds are there too, ro where it is said; its own mounts go before them")
def volumes_from():
    os.makedirs("/run/bound", exist_ok=True)
    container("giver", options=("-v", "/anonymous", "-v", "named:/named", "-v", "/run/bound:/bound", "--tmpfs", "/memory"))
    cli("exec", "giver", "sh", "-c", "echo a >/anonymous/f; echo n >/named/f; echo b >/bound/f; echo m >/memory/f")
    two = container("taker", options=("--volumes-from", "giver"))
    expect(two.command("cat", "/anonymous/f", "/named/f", "/bound/f") == "a\nn\nb", "something is not there")
    expect(two.command("sh", "-c", "test -e /memory && echo there || echo none") == "none", "the other's memory is there")
    cli("exec", "taker", "touch", "/named/written")
    cli("exec", "giver", "test", "-e", "/named/written")
    three = container("reader", options=("--volumes-from", "giver:ro", "-v", "own:/named"))
    cli("exec", "reader", "touch", "/anonymous/x", code=1)
    expect(three.command("ls", "/named") == "", "the other's volume goes before its own")
    mounts = {mount["Destination"]: mount for mount in three.inspect()["Mounts"]}
    expect(mounts["/named"]["Name"] == "own" and mounts["/bound"]["RW"] is False and mounts["/anonymous"]["RW"] is False, f"{mounts}")
    # A volume lives as long as one of them.
    cli("rm", "-f", "-v", "giver")
    expect(two.command("cat", "/anonymous/f") == "a", "the volume went with the one that it came from")
    cli("rm", "-f", "-v", "taker", "reader")
    names = [volume["Name"] for volume in api("GET", "/volumes")[1]["Volumes"] or []]
    expect(sorted(names) == ["named", "own"], f"{names}")
    cli("run", "--rm", "-v", "/anonymous", IMAGE, "true")
    expect(len(api("GET", "/volumes")[1]["Volumes"]) == 2, "run --rm left a volume without a name")
    answer = cli("run", "--rm", "--volumes-from", "nosuch", IMAGE, "true", code=125)
    expect("nosuch" in answer, answer)
    container("again")
    answer = cli("run", "--rm", "--volumes-from", "again:often", IMAGE, "true", code=125)
    expect("often" in answer, answer)
    run("rm", "-rf", "/run/bound")


@case("volumes-from: of two that are removed at once each takes the volume that they share for gone, and it goes")
def volumes_from_at_once():
    for _ in range(25):
        for name, options in (("giver", ("-v", "/anonymous")), ("taker", ("--volumes-from", "giver"))):
            cli("create", "--name", name, *options, IMAGE, "true")
        answers = []
        both = [threading.Thread(target=lambda name=name: answers.append(api("DELETE", f"/containers/{name}?v=1")[0]))
                for name in ("giver", "taker")]
        for one in both:
            one.start()
        for one in both:
            one.join()
        expect(answers == [204, 204], f"{answers}")
        left = [volume["Name"] for volume in api("GET", "/volumes")[1]["Volumes"] or []
                if "com.docker.volume.anonymous" in (volume["Labels"] or {})]
        expect(not left, f"{left}")


@case("links: the other's address stands in /etc/hosts under alias, host name and name, also after it has moved")
def links():
    one = container("db", options=("--hostname", "dbhost"))
    two = container("app", options=("--link", "db:store", "--link", "db"))
    for name in ("store", "dbhost", "db"):
        expect(f"({one.address})" in two.command("ping", "-c", "1", "-w", "2", name).splitlines()[0], f"app does not find {name}")
    expect(two.inspect()["HostConfig"]["Links"] == ["/db:/app/store", "/db:/app/db"], f"{two.inspect()['HostConfig']['Links']}")
    cli("exec", "app", "sh", "-c", "echo 192.0.2.9 mine >>/etc/hosts")
    # It gets another address: the old one is somebody else's now.
    old = one.address
    cli("stop", "-t", "0", "db")
    holders = [container(f"holder{number}") for number in range(3)]
    cli("rename", "db", "renamed")
    cli("start", "renamed")
    new = json.loads(cli("inspect", "renamed"))[0]["NetworkSettings"]["IPAddress"]
    expect(new != old or not [one for one in holders if one.address == old], "two have one address")
    hosts = two.command("cat", "/etc/hosts")
    expect(f"{new}\tstore dbhost" in hosts and "192.0.2.9 mine" in hosts, hosts)
    if new != old:
        expect(f"{old}\t" not in hosts, hosts)
    cli("restart", "-t", "0", "app")
    expect(f"({new})" in two.command("ping", "-c", "1", "-w", "2", "store").splitlines()[0], "not after its own restart")
    cli("stop", "-t", "0", "app", "renamed")
    answer = cli("start", "app", code=1)
    expect("non running container" in answer and "renamed" in answer, answer)
    cli("rm", "-f", "renamed")
    expect("gone" in cli("start", "app", code=1), "it starts without its link")


@case("links: what cannot be one is refused, and nothing is made")
def refused_links():
    container("db")
    container("hosted", options=("--net", "host"))
    cli("network", "create", "blue")
    container("far", options=("--net", "blue"))
    for words, wanted in (
        (("--link", "nosuch:x"), "nosuch"), (("--link", "db:a:b"), "db:a:b"), (("--link", "db:"), "db:"), (("--link", "hosted:x"), "host"),
        (("--link", "far:x"), "default network"), (("--net", "host", "--link", "db"), "link"), (("--net", "container:db", "--link", "db"), "link"),
        (("--net", "blue", "--link", "db"), "ink"),
    ):
        answer = cli("run", "-d", "--name", "refused", *words, IMAGE, "sleep", "600", code=125)
        expect(wanted in answer, f"{words}: {answer}")
    expect("refused" not in cli("ps", "-a", "--format", "{{.Names}}"), "something was made")
