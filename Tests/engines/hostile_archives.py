"""Archives of images that no honest program makes: valid ones of docker save's form and of an OCI layout, each wrong in one place."""

import copy
import gzip
import hashlib
import io
import json
import tarfile

ODD = [None, True, 0, -1, 2**63, 1.5, "", "\0", "..", "../../../etc/passwd", "/etc/passwd", "manifest.json", "sha256:", "sha256:" + "0" * 64, "sha256:" + "Z" * 64, "a" * 70_000,
       [], {}, [[]], [None], {"a": {}}, ["x"] * 600, "windows", "blobs/sha256/../../index.json", "latest", ":::", "UPPER/Case:1", "é"]


def tar(files, links=()):
    """An archive of files by name; links as (name, target, kind)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target, kind in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return buffer.getvalue()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(choose):
    """A small layer, at times a hostile one."""
    way = choose.randrange(8)
    if way == 0:
        return tar([("../out", b"x"), ("/abs", b"x")])
    if way == 1:
        return tar([("a", b"x")], [("l", "/etc", tarfile.SYMTYPE), ("l/passwd", "x", tarfile.SYMTYPE), ("h", "../../etc/passwd", tarfile.LNKTYPE)])
    if way == 2:
        return tar([(".wh..wh..opq", b""), (".wh.", b""), (".wh..", b""), ("a/.wh..wh.plnk", b"")])
    if way == 3:
        return b"no archive at all"
    if way == 4:
        return tar([("a", b"x"), ("a/b", b"y"), ("a", b"z")])
    return tar([("file", str(choose.random()).encode())])


def configuration(diffs):
    return {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["A=b"], "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}, "Labels": {"a": "b"}, "User": "0",
                                                               "WorkingDir": "/", "Entrypoint": None, "StopSignal": "15"},
            "rootfs": {"type": "layers", "diff_ids": diffs}, "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "x", "empty_layer": False}], "created": "2020-01-01T00:00:00Z"}


def places(value, path=()):
    if path:
        yield path
    for key in (value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()):
        yield from places(value[key], (*path, key))


def wrong(value, choose):
    """The value, odd in one place."""
    value = copy.deepcopy(value)
    path = choose.choice(list(places(value)))
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    way = choose.random()
    if way < 0.7:
        inner[path[-1]] = copy.deepcopy(choose.choice(ODD))
    elif way < 0.8:
        del inner[path[-1]]
    elif isinstance(inner, list):
        inner.extend(inner * choose.choice([1, 30, 700]))
    return value


def saved(choose, at):
    """docker save's form."""
    layers = [layer(choose) for _ in range(choose.choice([1, 1, 2, 3]))]
    config = configuration([digest(one) for one in layers])
    if at == "config":
        config = wrong(config, choose)
    text = json.dumps(config).encode()
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    name = digest(text)[7:] + ".json"
    manifest = [{"Config": name, "RepoTags": ["fuzzed:1"], "Layers": names}]
    if at == "manifest":
        manifest = wrong(manifest, choose)
    files = [*zip(names, layers), (name, text), ("manifest.json", json.dumps(manifest).encode())]
    links = []
    if at == "links":
        # Files that are each other, in a ring or out of the archive.
        files = [file for file in files if file[0] != names[0]]
        links = [(names[0], choose.choice(["../x", "../../../../etc/passwd", "layer.tar", "../ring"]), choose.choice([tarfile.SYMTYPE, tarfile.LNKTYPE])),
                 ("x", "ring", tarfile.SYMTYPE), ("ring", "x", tarfile.SYMTYPE)]
    return tar(files, links)


def layout(choose, at):
    """An OCI layout."""
    layers = [layer(choose) for _ in range(choose.choice([1, 2]))]
    config = configuration([digest(one) for one in layers])
    if at == "config":
        config = wrong(config, choose)
    packed = [gzip.compress(one) if choose.random() < 0.5 else one for one in layers]
    blobs = {}

    def blob(content, kind):
        blobs[digest(content)] = content
        return {"mediaType": kind, "digest": digest(content), "size": len(content)}

    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [blob(one, "application/vnd.oci.image.layer.v1.tar") for one in packed]}
    if at == "manifest":
        manifest = wrong(manifest, choose)
    here = blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    for _ in range(choose.choice([0, 0, 1, 2, 5]) if at == "depth" else 0):
        here = blob(json.dumps({"schemaVersion": 2, "manifests": [here]}).encode(), "application/vnd.oci.image.index.v1+json")
    index = {"schemaVersion": 2, "manifests": [here | {"annotations": {"org.opencontainers.image.ref.name": "fuzzed:2"}}]}
    if at == "index":
        index = wrong(index, choose)
    if at == "digest":
        name = choose.choice(sorted(blobs))
        blobs[name] = blobs[name] + b" "
    return tar([*((f"blobs/sha256/{name[7:]}", content) for name, content in blobs.items()), ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
                ("index.json", json.dumps(index).encode())])


def large():
    """Small archives that ask for much: one configuration read for each of many images, thousands of layers, a manifest of nothing but brackets."""
    one = tar([("file", b"x")])
    text = json.dumps(configuration([digest(one)]) | {"pad": "x" * (4 << 20)}).encode()
    item = {"Config": "c.json", "RepoTags": [], "Layers": ["l"]}
    yield "ten thousand images of one configuration of 4 MiB", tar([("l", one), ("c.json", text), ("manifest.json", json.dumps([item] * 10_000).encode())])
    many = json.dumps(configuration([digest(one)] * 20_000)).encode()
    yield "twenty thousand layers", tar([("l", one), ("c.json", many), ("manifest.json", json.dumps([item | {"Layers": ["l"] * 20_000}]).encode())])
    yield "a manifest of brackets", tar([("manifest.json", b"[" * (4 << 20))])
    index = {"manifests": [{"digest": digest(text), "mediaType": "x"}] * 10_000}
    yield "an index that names one blob ten thousand times", tar([(f"blobs/sha256/{digest(text)[7:]}", text), ("index.json", json.dumps(index).encode())])
    yield "fifty thousand files", tar([(f"f{number}", b"") for number in range(50_000)])


def archives(choose, count):
    """That many of each kind in turn, with a word on what is wrong."""
    yield from large()
    for number in range(count):
        if number % 2:
            at = choose.choice(["nothing", "config", "manifest", "manifest", "links"])
            yield f"docker save {number}, {at}", saved(choose, at)
        else:
            at = choose.choice(["nothing", "config", "manifest", "index", "digest", "depth"])
            yield f"layout {number}, {at}", layout(choose, at)
