import Glibc
import NetCore
import TestSupport

@testable import Images

/// Archives for the tests, made by Python's tarfile: `lines` are a program that has `image(layers, names, form)`, `layer(…)`.
struct Archives {
    let host: PrivateHost

    private static let prelude = """
        import tarfile, io, json, hashlib, gzip, sys, os
        def sha(b): return hashlib.sha256(b).hexdigest()
        def layer(*entries, format=tarfile.PAX_FORMAT):
            # (name, content or None, {fields}); a name that ends in / is a directory
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=format) as tar:
                for name, content, fields in [(e + (None, {}))[:3] if len(e) < 3 else e for e in entries]:
                    info = tarfile.TarInfo(name)
                    info.mtime, info.mode = 1000000000, 0o644
                    if name.endswith("/"): info.type, info.mode = tarfile.DIRTYPE, 0o755
                    data = (content or "").encode() if isinstance(content or "", str) else content
                    for key, value in (fields or {}).items(): setattr(info, key, value)
                    info.size = len(data) if info.isreg() else 0
                    tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
            return out.getvalue()
        def link(name, to): return (name, None, {"type": tarfile.SYMTYPE, "linkname": to})
        def hard(name, to): return (name, None, {"type": tarfile.LNKTYPE, "linkname": to})
        def outer(files, path):
            with tarfile.open(path, "w") as tar:
                for name, data in files.items():
                    info = tarfile.TarInfo(name)
                    if isinstance(data, str): info.type, info.linkname = tarfile.SYMTYPE, data
                    else: info.size = len(data)
                    tar.addfile(info, io.BytesIO(data) if not isinstance(data, str) else None)
        def image(path, layers, names, form="docker", config={}, **changes):
            full = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}, "created": "2026-01-02T03:04:05Z",
                    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(l) for l in layers]}, **config}
            config = json.dumps(full).encode()
            if form == "docker":
                files = {sha(config) + ".json": config}
                for l in layers: files[sha(l) + "/layer.tar"] = l
                files["manifest.json"] = json.dumps([{"Config": sha(config) + ".json", "RepoTags": names,
                    "Layers": [sha(l) + "/layer.tar" for l in layers]}]).encode()
            else:
                packed = [gzip.compress(l[:len(l)//2], mtime=0) + gzip.compress(l[len(l)//2:], mtime=0) for l in layers]
                kind = "application/vnd.oci.image.layer.v1.tar+" + changes.get("compression", "gzip")
                manifest = json.dumps({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": "sha256:" + sha(config), "size": len(config)},
                    "layers": [{"mediaType": kind, "digest": "sha256:" + sha(p), "size": len(p)} for p in packed]}).encode()
                files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
                for blob in [config, manifest] + packed: files["blobs/sha256/" + sha(blob)] = blob
                index = [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + sha(manifest),
                    "size": len(manifest), "annotations": {"org.opencontainers.image.ref.name": n}} for n in names]
                files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": index}).encode()
            files.update(changes.get("also", {}))
            outer(files, path)
        os.chdir(sys.argv[1])

        """

    /// Runs the program in the host's scratch folder.
    func make(_ lines: String) throws {
        let outcome = try host.run(["python3", "-c", Archives.prelude + lines, host.scratch])
        guard outcome.exitCode == 0 else { throw KernelError("make archives: \(outcome)", Errno(EINVAL)) }
    }

    /// Opens a file of the scratch folder.
    func opened(_ name: String) throws -> OwnedDescriptor { try OwnedDescriptor(open: path(name), O_RDONLY) }

    /// A file to write to.
    func created(_ name: String) throws -> OwnedDescriptor {
        try OwnedDescriptor(open: path(name), O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    }

    func path(_ name: String) -> String { "\(host.scratch)/\(name)" }

    func load(_ name: String, into store: ImageStore) throws -> [String] {
        let file = try opened(name)
        return try store.load(from: file.number)
    }

    /// The status and the words of what `body` throws; nil when it throws nothing.
    func refusal(_ body: () throws -> Void) throws -> ImageError? {
        do { try body() } catch let error as ImageError { return error }
        return nil
    }

    /// The text of a file; "-" without one.
    func text(_ path: String) -> String {
        do throws(KernelError) { return String(decoding: try Files.read(path), as: UTF8.self) } catch { return "-" }
    }

    /// What the store's folder for things in the making holds.
    func leftovers(_ store: ImageStore) throws -> [String] { try Files.names(in: store.temporary) }
}
