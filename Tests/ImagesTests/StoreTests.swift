import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Images

@Suite struct StoreTests {
    private static let threeLayers = """
        layers = [
            layer(("etc/", None, {"mode": 0o700, "uid": 7, "gid": 8}), ("etc/a", "first"), ("etc/gone", "x"), ("dir/",), ("dir/old", "x"),
                  ("suid", "s", {"mode": 0o4755, "uid": 1000, "gid": 1001}), hard("hard", "etc/a"), link("soft", "/etc/a"),
                  ("x" * 120 + "/" + "y" * 90, "long"), ("cap", "c", {"pax_headers": {"SCHILY.xattr.user.note": "kept"}})),
            layer(("etc/.wh.gone",), ("etc/b", "second"), ("dir/",), ("dir/.wh..wh..opq",), ("dir/new", "n")),
            layer(("etc/a", "third")),
        ]
        image("docker.tar", layers, ["docker.io/library/three:1", "three:2"])
        image("oci.tar", layers, ["docker.io/library/three:oci"], form="oci")

        """

    @Test(arguments: ["docker.tar", "oci.tar"])
    func `an image is loaded, its layers are unpacked once, and its root shows them together`(
        _ form: String
    ) throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make(StoreTests.threeLayers)
            let store = ImageStore(archives.path("store"))
            let names = try archives.load(form, into: store)
            host.expect(names, is: form == "docker.tar" ? ["three:1", "three:2"] : ["three:oci"], "names")
            let image = try store.image(names[0])
            host.expect(image.tags, is: names, "tags")
            host.expect(image.size, is: 25, "bytes of all files")
            let layers = try store.layers(of: image)
            host.expect(layers.count, is: 3, "layers")
            host.expect(try archives.leftovers(store), is: [], "left over")

            let root = ContainerRoot(archives.path("container"))
            try Files.makeDirectories(root.directory)
            host.expect(!root.isMounted, "not mounted yet")
            try root.mount(over: layers)
            host.expect(root.isMounted, "mounted")
            let look =
                "cd \(root.path) && stat -c '%n %a %u %g %h %Y' etc etc/a suid hard && cat etc/a etc/b hard dir/new x*/y* && ls etc dir && readlink soft && python3 -c 'import os; print(os.getxattr(\"cap\", \"user.note\"))'"
            let seen = try host.run(["sh", "-c", look])
            host.expect(
                seen.text,
                is: """
                    etc 700 7 8 1 1000000000
                    etc/a 644 0 0 1 1000000000
                    suid 4755 1000 1001 1 1000000000
                    hard 644 0 0 2 1000000000
                    thirdsecondfirstnlongdir:
                    new

                    etc:
                    a
                    b
                    /etc/a
                    b'kept'

                    """, "the merged root: \(seen.errorOutput)")

            let shell =
                "cd \(root.path) && echo changed > etc/a && rm etc/b && echo n > added && rm -r dir && mkdir dir && echo 1 > dir/newer"
            _ = try host.run(["sh", "-c", shell])
            host.expect(
                try root.changes(over: layers).map { "\($0.kind) \($0.path)" },
                is: ["1 /added", "0 /dir", "2 /dir/new", "1 /dir/newer", "0 /etc", "0 /etc/a", "2 /etc/b"], "changes")
            host.expect(archives.text("\(layers[2])/etc/a"), is: "third", "the layer is as before")
            try root.unmount()
            try root.unmount()
            try root.remove()
            host.expect(try Files.names(in: root.directory), is: [], "what remains of the container's root")
        }
    }

    @Test func `a commit is one more layer, with what was changed and deleted`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make(StoreTests.threeLayers)
            let store = ImageStore(archives.path("store"))
            _ = try archives.load("docker.tar", into: store)
            let image = try store.image("three:1")
            let root = ContainerRoot(archives.path("container"))
            try Files.makeDirectories(root.directory)
            try root.mount(over: try store.layers(of: image))
            _ = try host.run(["sh", "-c", "cd \(root.path) && rm etc/a && rm -r dir && mkdir dir && echo n > dir/only"])
            let made = try store.commit(
                root, over: image, config: ["Cmd": ["ls"]], changes: ["ENV A=1", "EXPOSE 80"], reference: "made",
                author: "me", message: "why")
            try root.remove()
            host.expect(made.tags, is: ["made:latest"], "tags")
            host.expect(
                made.configuration["config"]?.object?.description ?? "",
                is: #"{"Cmd":["ls"],"Env":["A=1"],"ExposedPorts":{"80/tcp":{}}}"#, "configuration")
            try root.mount(over: try store.layers(of: made))
            let seen = try host.must("ls \(root.path)/etc \(root.path)/dir")
            host.expect(seen, is: "\(root.path)/dir:\nonly\n\n\(root.path)/etc:\nb\n", "the new image's root")
            try root.remove()
        }
    }

    @Test func `names: tagged, found by their kinds, nearest told, removed one after the other with what nobody needs`()
        throws
    {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make(
                StoreTests.threeLayers + #"image("other.tar", [layers[0]], ["other"], config={"author": "me"})"#)
            let store = ImageStore(archives.path("store"))
            for name in ["docker.tar", "oci.tar", "other.tar"] { _ = try archives.load(name, into: store) }
            let image = try store.image("docker.io/library/three:1")
            host.expect(try store.images().count, is: 2, "images")
            try store.tag("three:1", as: "localhost:5000/deep/er/name:v1")
            for reference in [
                image.id, String(image.id.dropFirst(7).prefix(12)), "localhost:5000/deep/er/name:v1", "library/three:2",
                image.digests[0],
            ] {
                host.expect(try store.image(reference).id, is: image.id, "found by \(reference)")
            }
            let missing = try archives.refusal { _ = try store.image("tree:1") }
            host.expect(missing?.status, is: 404, "status")
            host.expect(
                missing?.description ?? "", is: "No such image: tree:1 (did you mean three:1, three:2?)", "sentence")
            host.expect(try archives.refusal { _ = try store.image("Up/Case") }?.status, is: 400, "no name")

            host.expect(
                try archives.refusal { _ = try store.remove(image.id, force: false, used: []) }?.status, is: 409,
                "several names")
            host.expect(
                try archives.refusal {
                    _ = try store.remove("other", force: false, used: [try store.image("other").id])
                }?
                .status, is: 409, "used")
            let first = try store.remove("three:1", force: false, used: [image.id])
            host.expect(first.map { "\($0.0) \($0.1)" }, is: ["Untagged three:1"], "a name of several")
            let all = try store.remove(image.id, force: true, used: [])
            host.expect(
                all.filter { $0.0 == "Deleted" }.count, is: 3, "the image and two layers, one stays for the other image"
            )
            host.expect(try Files.names(in: "\(store.directory)/layers").count, is: 1, "layers that stay")
            host.expect(try store.layers(of: try store.image("other")).count, is: 1, "the other image is whole")
            host.expect(try archives.leftovers(store), is: [], "left over")
            _ = try store.remove("other", force: false, used: [])
            host.expect(try Files.names(in: "\(store.directory)/layers"), is: [], "no layer")
            host.expect(try Files.names(in: "\(store.directory)/blobs/sha256"), is: [], "no blob")
        }
    }

    @Test func `what is saved has the same bytes each time, and is loaded by another store`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make(StoreTests.threeLayers)
            let store = ImageStore(archives.path("store"))
            _ = try archives.load("oci.tar", into: store)
            try store.tag("three:oci", as: "berth/second")
            for name in ["saved.tar", "again.tar"] {
                let out = try archives.created(name)
                try store.save(["three:oci", "berth/second"], to: out.number)
            }
            try host.must("cmp \(archives.path("saved.tar")) \(archives.path("again.tar"))")
            let other = ImageStore(archives.path("other"))
            host.expect(try archives.load("saved.tar", into: other), is: ["three:oci", "berth/second:latest"], "names")
            host.expect(try other.image("berth/second").id, is: try store.image("three:oci").id, "the same id")
        }
    }

    @Test func `a root file system's archive becomes an image, with Dockerfile lines`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make("open('root.tar.gz','wb').write(gzip.compress(layer(('bin/sh', 'x'))))")
            let store = ImageStore(archives.path("store"))
            let file = try archives.opened("root.tar.gz")
            let image = try store.makeImage(
                fromTar: file.number, reference: "mine:1",
                changes: [
                    "CMD [\"sh\",\"-c\"]", "env A=\"b c\" D=e", "LABEL k v w", "USER 1", "WORKDIR /w", "VOLUME /a /b",
                    "EXPOSE 53/udp",
                ],
                message: "brought")
            host.expect(
                image.configuration["config"]?.object?.description ?? "",
                is:
                    #"{"Cmd":["sh","-c"],"Env":["A=b c","D=e"],"Labels":{"k":"v w"},"User":"1","WorkingDir":"/w","Volumes":{"/a":{},"/b":{}},"ExposedPorts":{"53/udp":{}}}"#,
                "configuration")
            host.expect(archives.text("\(try store.layers(of: image)[0])/bin/sh"), is: "x", "the file")
            host.expect(
                try archives.refusal {
                    let file = try archives.opened("root.tar.gz")
                    _ = try store.makeImage(fromTar: file.number, reference: nil, changes: ["RUN ls"], message: nil)
                }?.status, is: 400, "RUN")
        }
    }

    @Test func `a full disk, a damaged archive and a killed maker leave nothing`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make(
                """
                big = layer(("a", "x" * 3000000))
                image("big.tar", [big], ["big"])
                good = layer(("a", "b"))
                image("wrong-diff.tar", [good], ["w"], config={"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}})
                image("zstd.tar", [good], ["w"], form="oci", compression="zstd")
                image("windows.tar", [good], ["w"], config={"os": "windows"})
                image("missing.tar", [good], ["w"], also={sha(good) + "/layer.tar": b""})
                image("wrong-blob.tar", [good], ["w"], form="oci", also={})
                data = open("wrong-blob.tar", "rb").read(); at = data.index(b"\\x1f\\x8b") + 12
                open("wrong-blob.tar", "wb").write(data[:at] + bytes([data[at] ^ 1]) + data[at+1:])
                image("good.tar", [good], ["good"])
                data = open("good.tar", "rb").read(); open("cut.tar", "wb").write(data[:2000])
                open("nothing.tar", "wb").write(b"hello" * 1000); outer({"a": b"b"}, "no-image.tar")
                """)
            let store = ImageStore(archives.path("small"))
            try Files.makeDirectories(store.directory)
            try host.must("mount -t tmpfs -o size=4m tmpfs \(store.directory)")
            let full = try archives.refusal { _ = try archives.load("big.tar", into: store) }
            host.expect(full?.status, is: 500, "a full disk: \(full?.description ?? "")")
            for name in ["wrong-diff", "zstd", "windows", "missing", "wrong-blob", "cut", "nothing", "no-image"] {
                let refused = try archives.refusal { _ = try archives.load("\(name).tar", into: store) }
                host.expect(refused?.status, is: 400, "\(name): \(refused?.description ?? "")")
            }
            for folder in ["layers", "blobs/sha256", "images", "tmp"] {
                host.expect(try Files.names(in: "\(store.directory)/\(folder)"), is: [], folder)
            }
            // Nobody holds the one; the other's maker lives.
            try Files.makeDirectories("\(store.temporary)/stale/layer-1/files")
            let living = try Staging(store)
            host.expect(living.hasSwept, "what a killed maker left is swept")
            _ = try archives.load("good.tar", into: store)
            host.expect(try archives.leftovers(store).count, is: 1, "the living one's stays")
            host.expect(try store.image("good").size, is: 1, "loaded")
        }
    }

    @Test func `many loads of one image at once unpack it once and all succeed`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            try archives.make(StoreTests.threeLayers)
            let path = archives.path("store")
            let names = try host.onThreads(8) { host, index in
                let archives = Archives(host: host)
                return try archives.load(index % 2 == 0 ? "docker.tar" : "oci.tar", into: ImageStore(path)).count
            }
            host.expect(names, is: [2, 1, 2, 1, 2, 1, 2, 1], "names")
            let store = ImageStore(path)
            host.expect(try store.image("three:1").tags, is: ["three:1", "three:2", "three:oci"], "tags")
            host.expect(try Files.names(in: "\(path)/layers").count, is: 3, "layers")
            host.expect(try archives.leftovers(store), is: [], "left over")
        }
    }
}
