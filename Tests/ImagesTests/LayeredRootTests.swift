import Glibc
import NetCore
import TestSupport
import Testing

@testable import Images

/// Layers looked at without a mount, beside the same layers mounted by the kernel.
@Suite struct LayeredRootTests {
    private static let layers = #"""
        set -e
        opaque() { python3 -c "import os; os.setxattr('$1', 'trusted.overlay.opaque', b'y')"; }
        cd /run/layers
        mkdir -p a/etc a/opt/deep a/gone a/hidden a/target
        echo one > a/etc/passwd; echo low > a/opt/deep/file; echo low > a/gone/file; echo low > a/hidden/low; echo t > a/target/x
        ln -s ../target a/opt/up; ln -s /target a/absolute; ln -s loop a/loop; ln -s /../../../etc a/climb
        echo f > a/plain
        mkdir -p b/etc b/hidden b/opt
        echo two > b/etc/passwd; echo b > b/hidden/high; mknod b/gone c 0 0; ln -s /etc/passwd b/opt/list
        opaque b/hidden
        mkdir -p c/etc c/gone c/plain
        echo three > c/gone/new; mknod c/etc/passwd c 0 0; echo again > c/etc/group
        opaque c/gone
        """#

    private static let paths = [
        "/", "/etc", "/etc/passwd", "/etc/group", "/opt/deep/file", "/gone/file", "/gone/new", "/hidden/low",
        "/hidden/high", "/opt/up/x", "/absolute/x", "/loop", "/loop/x", "/climb/group", "/opt/list", "/plain",
        "/plain/x", "/../etc/group",
        "/opt/deep/../up/x", "nowhere/at/all", "/target/./x",
    ]

    @Test("what is there, what it says and where links lead are what the mounted root has", arguments: 1...3)
    func same(count: Int) throws {
        try PrivateHost.run { host in
            let all = ["a", "b", "c"].map { "/run/layers/\($0)" }
            try host.must("mkdir -p /run/layers /run/container")
            try host.must("sh", input: LayeredRootTests.layers)
            let layers = Array(all.prefix(count))
            let root = ContainerRoot("/run/container")
            let view = root.view(over: layers)
            host.expect(view.layers.count, is: count + 1, "layers before the mount")
            try root.mount(over: layers)
            let mounted = root.view(over: layers)
            host.expect(mounted.layers, is: [root.path], "layers of the mount")
            for path in LayeredRootTests.paths {
                host.expect(view.resolve(path), is: mounted.resolve(path), "\(path) leads to")
                host.expect(view.has(path), is: mounted.has(path), "\(path) is there")
                // And as the kernel finds it for who has that root.
                let open = try Directory.open(root.path)
                let found = (try? Directory.resolve(open.number, Array(path.utf8), Directory.pathOnly).number) != nil
                host.expect(view.has(path), is: found, "\(path) is there for the kernel")
                let seen = view.read(path, limit: 4096).map { String(decoding: $0, as: UTF8.self) }
                let expected = mounted.read(path, limit: 4096).map { String(decoding: $0, as: UTF8.self) }
                host.expect(seen, is: expected, "\(path) says")
            }
            host.expect(view.read("/etc/passwd", limit: 2) == nil, "more than may be read is not")
            host.expect(view.resolve("/absolute/x"), is: "/target/x", "an absolute link stays inside")
            host.expect(view.resolve("/climb/group"), is: "/etc/group", "no link climbs out")
            host.expect(view.has("/gone/file"), is: count == 1, "what a layer deletes is gone")
            host.expect(view.has("/etc/passwd"), is: count < 3, "a file that a layer deletes is gone")
            host.expect(view.has("/hidden/low"), is: count == 1, "what an opaque directory hides is hidden")
            try root.remove()
        }
    }
}
