"""The one image of every engine's containers: busybox and talk, and nothing else."""

import hashlib
import io
import json
import os
import tarfile

import private_host as host
from reach import TALK

REFERENCE = "localhost/talk:latest"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def root_filesystem(path):
    """Writes the image's only layer as a tar file."""
    host.compile_static("talk.c", TALK)
    with tarfile.open(path, "w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        archive.add(TALK, "bin/talk")
        for name in ("sh", "ping", "ip", "cat", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)


def docker_archive(layer, path, *command):
    """Writes the layer as an image that engines import, with this command as its default one."""
    with open(layer, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    configuration = json.dumps({
        "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine), "os": "linux",
        "config": {"Cmd": list(command), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [REFERENCE], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as archive:
        archive.add(layer, "layer.tar")
        for name, data in (("config.json", configuration), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
