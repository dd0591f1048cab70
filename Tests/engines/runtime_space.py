"""What containers, images and volumes hold, what they use, and what prunes take: cases of `runtime`."""

import json
import os
import time
import urllib.parse

import runtime_engine as engine
from private_host import run
from reach import expect
from runtime_engine import IMAGE, api, cli, container, eventually
from suite import case


def filters(**wanted):
    return "filters=" + urllib.parse.quote(json.dumps({key.replace("_not", "!"): value for key, value in wanted.items()}))


@case("sizes: ps -s, inspect -s and system df tell what was written, each file once")
def sizes():
    image = api("GET", f"/images/{IMAGE}/json")[1]
    one = container("sized", options=("-v", "sizedata:/data"))
    expect(api("GET", "/containers/sized/json?size=1")[1]["SizeRw"] == 0, "it holds something before anything was written")
    one.command("sh", "-c", "mkdir -p /a/b; dd if=/dev/zero of=/a/b/file bs=1000 count=3000 2>/dev/null; ln /a/b/file /a/other; rm /bin/date;"
                " dd if=/dev/zero of=/data/file bs=1000 count=50 2>/dev/null")
    now = api("GET", "/containers/sized/json?size=1")[1]
    expect(now["SizeRw"] == 3_000_000, f"SizeRw is {now['SizeRw']}")
    expect(now["SizeRootFs"] == image["Size"] + 3_000_000, f"SizeRootFs is {now['SizeRootFs']}, the image {image['Size']}")
    expect("SizeRw" not in api("GET", "/containers/sized/json")[1], "a size that nobody asked for")
    line = cli("ps", "-s", "--format", "{{.Size}}")
    expect(line.startswith("3MB (virtual "), f"ps -s says {line}")
    status, usage = api("GET", "/system/df")
    expect(status == 200 and usage["Containers"][0]["SizeRw"] == 3_000_000, f"{usage['Containers']}")
    expect(usage["LayersSize"] >= image["Size"] and usage["Images"][0]["SharedSize"] == 0 and usage["Images"][0]["Containers"] == 1, f"{usage['Images']}")
    volume = usage["Volumes"][0]
    expect((volume["Name"], volume["UsageData"]) == ("sizedata", {"Size": 50_000, "RefCount": 1}), f"{volume}")
    api("POST", f"/images/{IMAGE}/tag?repo=sized/twin")
    again = api("GET", "/system/df")[1]
    expect(again["LayersSize"] == usage["LayersSize"], "a second name is counted")
    api("DELETE", "/images/sized/twin")
    text = run(*engine.clients["docker"], "system", "df")
    expect("3MB" in text and "50kB" in text, text)
    cli("rm", "-f", "sized")
    answer = api("POST", "/volumes/prune?" + filters(all=["true"]))[1]
    expect(answer == {"VolumesDeleted": ["sizedata"], "SpaceReclaimed": 50_000}, f"{answer}")


@case("stats tell how often and how long a limit held the processor back")
def throttled():
    container("held", "sh", "-c", "while true; do :; done", options=("--cpus", "0.1"))
    time.sleep(0.8)
    data = api("GET", "/containers/held/stats?stream=false&one-shot=1")[1]["cpu_stats"]["throttling_data"]
    expect(data["periods"] >= 4 and data["throttled_periods"] >= 3 and data["throttled_time"] > 50_000_000, f"{data}")
    container("free")
    data = api("GET", "/containers/free/stats?stream=false&one-shot=1")[1]["cpu_stats"]["throttling_data"]
    expect(data["throttled_periods"] == 0 and data["throttled_time"] == 0, f"{data}")


@case("container prune takes what has ended, by label and by age")
def prunes_containers():
    for name, label in (("one", "keep=yes"), ("two", "keep=no"), ("three", "other")):
        cli("run", "--name", name, "--label", label, IMAGE, "sh", "-c", "echo 123456789 >/file")
    container("runs")
    answer = api("POST", "/containers/prune?" + filters(until=["1h"]))[1]
    expect(answer == {"ContainersDeleted": None, "SpaceReclaimed": 0}, f"what is younger than an hour went: {answer}")
    answer = api("POST", "/containers/prune?" + filters(label=["keep"], label_not=["keep=yes"]))[1]
    expect(len(answer["ContainersDeleted"]) == 1 and answer["SpaceReclaimed"] == 10, f"{answer}")
    expect(sorted(cli("ps", "-a", "--format", "{{.Names}}").split()) == ["one", "runs", "three"], "another than two went")
    time.sleep(1.1)
    answer = api("POST", "/containers/prune?" + filters(until=["1s"]))[1]
    expect(len(answer["ContainersDeleted"]) == 2 and cli("ps", "-a", "--format", "{{.Names}}") == "runs", f"{answer}")
    for bad, word in ((filters(nosuch=["x"]), "nosuch"), (filters(until=["soon"]), "soon"), (filters(until=["1h", "2h"]), "until")):
        status, answer = api("POST", f"/containers/prune?{bad}")
        expect(status == 400 and word in answer["message"], f"{bad}: {status} {answer}")


@case("network prune takes what no container is on, by label and by age")
def prunes_networks():
    for name, label in (("used", "a=1"), ("labelled", "a=1"), ("plain", "b=1")):
        run(*engine.clients["docker"], "network", "create", "--label", label, name)
    container("on", options=("--net", "used"))
    expect(api("POST", "/networks/prune?" + filters(until=["10m"]))[1] == {"NetworksDeleted": None}, "what is young went")
    expect(api("POST", "/networks/prune?" + filters(label=["a=1"]))[1] == {"NetworksDeleted": ["labelled"]}, "not that of the label alone")
    status, answer = api("POST", "/networks/prune?" + filters(dangling=["1"]))
    expect(status == 400 and "dangling" in answer["message"], f"{status} {answer}")
    cli("network", "prune", "-f", "--filter", "label!=a")
    expect(sorted(cli("network", "ls", "--format", "{{.Name}}").split()) == ["bridge", "host", "none", "used"], "plain is still there, or used went")


@case("volume prune takes those without a name, and by all or an old client those with one; by label")
def prunes_volumes():
    def names():
        return sorted(volume["Name"] for volume in api("GET", "/volumes")[1]["Volumes"] or [])
    for name in ("first", "second", "third"):
        run(*engine.clients["docker"], "volume", "create", "--label", f"which={name}", name)
    cli("run", "--name", "has", "-v", "/anonymous", "-v", "third:/third", IMAGE, "true")
    expect(api("POST", "/volumes/prune")[1]["VolumesDeleted"] is None and len(names()) == 4, "what is in use or has a name went")
    cli("rm", "has")
    expect(len(api("POST", "/volumes/prune")[1]["VolumesDeleted"]) == 1 and names() == ["first", "second", "third"], f"{names()}")
    api("POST", "/volumes/prune?" + filters(all=["1"], label=["which=first"]))
    expect(names() == ["second", "third"], f"{names()}")
    status, answer = api("POST", "/volumes/prune?" + filters(all=["perhaps"]))
    expect(status == 400 and "perhaps" in answer["message"], f"{status} {answer}")
    api("POST", "/v1.41/volumes/prune?" + filters(label_not=["which=second"]))
    expect(names() == ["second"], f"{names()}")
    cli("volume", "prune", "-f", "--filter", "all=1")
    expect(names() == [], f"{names()}")


@case("an image tells the digests that it came with")
def digests():
    os.makedirs("/run/layout", exist_ok=True)
    # The same image as an OCI layout, whose manifest has a digest.
    run("sh", "-c", f"docker -H unix://{engine.SOCKET} save {IMAGE} | tar -C /run/layout -xf -")
    with open("/run/layout/index.json", encoding="utf-8") as file:
        digest = json.load(file)["manifests"][0]["digest"]
    os.remove("/run/layout/manifest.json")
    run("sh", "-c", f"tar -C /run/layout -cf - . | docker -H unix://{engine.SOCKET} load")
    run("rm", "-rf", "/run/layout")
    wanted = f"{IMAGE}@{digest}"
    expect(api("GET", f"/images/{IMAGE}/json")[1]["RepoDigests"] == [wanted], f"{api('GET', f'/images/{IMAGE}/json')[1]['RepoDigests']}")
    listed = [image for image in api("GET", "/images/json")[1] if f"{IMAGE}:latest" in image["RepoTags"]]
    expect(listed[0]["RepoDigests"] == [wanted], f"{listed}")
    expect(cli("run", "--rm", wanted, "echo", "hi") == "hi", "it does not run by its digest")
