"""Operations on an image of its own, to be cut in the middle: when it is removed, the store is as before."""

import hashlib
import io
import json
import os
import tarfile

from containers_host import DATA, SOCKET, body
from docker_api import API
from kills_operations import NAME, Operation, ask, operation, state
from private_host import Failed


def archive():
    """An image of two layers in docker's form, with the program of busybox."""
    def packed(entries):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name, content, mode in entries:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), mode
                tar.addfile(entry, io.BytesIO(content))
        return data.getvalue()

    with open("/bin/busybox", "rb") as file:
        layers = [packed([("bin/busybox", file.read(), 0o755)]), packed([("etc/motd", b"hello\n", 0o644), ("etc/more", b"more\n", 0o644)])]
    configuration = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine), "os": "linux",
                     "config": {"Cmd": ["/bin/busybox", "sleep", "600"]},
                     "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]}}
    manifest = [{"Config": "config.json", "RepoTags": ["made:1"], "Layers": ["0.tar", "1.tar"]}]
    return packed([("0.tar", layers[0], 0o644), ("1.tar", layers[1], 0o644), ("config.json", json.dumps(configuration).encode(), 0o644),
                   ("manifest.json", json.dumps(manifest).encode(), 0o644)])


def load():
    api = API(SOCKET, 60)
    try:
        status, text = api.raw("POST", "/images/load", archive(), "application/x-tar")
    finally:
        api.close()
    return status, text


def images():
    """Every file of the image store."""
    return sorted(f"{folder}/{name}" for folder, names, files in os.walk(f"{DATA}/images") for name in names + files)


class Image(Operation):
    """Of an image of its own."""
    before = None

    def prepare(self):
        if Image.before is None:
            load()
            ask("DELETE", "/images/made:1", allowed=(200,))
            Image.before = images()

    def run(self):
        ask("POST", f"/containers/create?name={NAME}", body(Image="made:1", Cmd=["/bin/busybox", "sleep", "600"]), (201,))
        ask("POST", f"/containers/{NAME}/start", allowed=(204,))
        if state()["State"]["Status"] != "running":
            raise Failed("a container of the image does not run")
        ask("DELETE", f"/containers/{NAME}?force=1&v=1", allowed=(204,))

    def clear(self):
        ask("DELETE", "/images/made:1", allowed=(200, 404))
        # What a removal that was cut left is an image without a name.
        ask("POST", "/images/prune", allowed=(200,))
        lines = [f"image store: left over: {name}" for name in images() if name not in Image.before]
        lines += [f"image store: lost: {name}" for name in Image.before if not os.path.lexists(name)]
        if lines:
            raise Failed("once the image is removed:\n" + "\n".join(lines[:10]))


@operation
class ImageLoad(Image):
    """load"""

    def do(self):
        status, text = load()
        if status == 200 and b"Loaded" in text:
            self.done = True
        return status, text

    def check(self, dead):
        if self.done:
            ask("GET", "/images/made:1/json", allowed=(200,))

    def again(self):
        status, text = load()
        if status != 200 or b"Loaded" not in text:
            raise Failed(f"loaded again: {status} {text!r}")
        self.run()


@operation
class ImageRemove(Image):
    """rmi"""

    def prepare(self):
        super().prepare()
        load()
        ask("GET", "/images/made:1/json", allowed=(200,))

    def do(self):
        return self.ask("DELETE", "/images/made:1")

    def check(self, dead):
        status = ask("GET", "/images/made:1/json", allowed=(200, 404))[0]
        if self.done and status != 404:
            raise Failed("its removal was answered, and the image is there")
        if status == 200:
            # One that is there is whole.
            self.run()

    def again(self):
        ask("DELETE", "/images/made:1", allowed=(200, 404))
