import Glibc
import JSON
import NetCore
import Synchronization
import TestSupport
import Testing

@testable import Images

@Suite struct RootArchiveTests {
    private static func makeRoot(_ archives: Archives) throws -> String {
        try archives.make(
            """
            for d in ['root/etc/sub', 'root/dir']: os.makedirs(d)
            open('root/etc/a', 'w').write('one'); open('root/etc/sub/b', 'w').write('two'); os.link('root/etc/a', 'root/etc/h')
            os.chmod('root/etc/a', 0o4755); os.utime('root/etc/a', (5, 1000000000))
            os.symlink('/dir', 'root/l'); os.symlink(os.getcwd() + '/outside', 'root/out'); os.symlink('a', 'root/etc/s')
            """)
        return archives.path("root")
    }

    @Test func `what is read has Docker's names, and no link leads out`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let outside = try HostileTests.makeOutside(host)
            let root = try RootArchiveTests.makeRoot(archives)
            let expected = [
                "/etc/a": "a", "etc/sub": "sub/ sub/b", "/etc/sub/": "sub/ sub/b", "/etc/sub/.": "./ ./b",
                "/etc/../etc/sub": "sub/ sub/b",
                "/etc": "etc/ etc/a etc/h etc/s etc/sub/ etc/sub/b", "/l": "l", "/l/": "l/", "/out": "out",
            ]
            for (path, names) in expected {
                let file = try archives.created("read.tar")
                try RootArchive.read(path, in: root, to: file.number)
                let listed = try host.must("tar -tf \(archives.path("read.tar"))")
                host.expect(listed.split(separator: "\n").joined(separator: " "), is: names, path)
            }
            for (path, status) in [
                ("/out/secret", 404), ("/out/", 404), ("/nothing", 404), ("", 400), ("/etc/a/b", 400),
            ] {
                let refused = try archives.refusal {
                    let file = try archives.created("read.tar")
                    try RootArchive.read(path, in: root, to: file.number)
                }
                host.expect(refused?.status, is: status, "\(path): \(refused?.description ?? "read")")
            }
            host.expect(
                JSON.object(try RootArchive.stat("/etc/a", in: root)).text,
                is: #"{"name":"a","size":3,"mode":8389101,"mtime":"2001-09-09T01:46:40Z","linkTarget":""}"#, "stat")
            let link = try RootArchive.stat("/etc/s", in: root)
            host.expect(link["linkTarget"], is: "/etc/a", "a link's target")
            let file = try archives.created("all.tar")
            try RootArchive.export(root, to: file.number)
            try Files.makeDirectories(archives.path("copy"))
            try host.must("tar -C \(archives.path("copy")) -xpf \(archives.path("all.tar"))")
            try host.must("diff -r --no-dereference \(root) \(archives.path("copy"))")
            host.expect(try HostileTests.state(of: host), is: outside, "outside")
        }
    }

    @Test func `what is written stays in the root, and keeps to noOverwriteDirNonDir`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let outside = try HostileTests.makeOutside(host)
            let root = try RootArchiveTests.makeRoot(archives)
            try archives.make(
                """
                def keep(name, *entries): open(name, 'wb').write(layer(*entries))
                keep('link.tar', ('l/new', 'through'), ('.wh.plain', 'kept')); keep('out.tar', ('out/x', 'bad')); keep('up.tar', ('../x', 'bad'))
                keep('etc.tar', ('etc', 'a file now')); keep('a.tar', ('etc/a', 'again', {'uid': 12}))
                """)
            func write(_ name: String, to path: String, keepKinds: Bool = false) throws -> Int {
                try archives.refusal {
                    let file = try archives.opened(name)
                    try RootArchive.write(path, in: root, from: file.number, noOverwriteDirNonDir: keepKinds)
                }?.status ?? 0
            }
            host.expect(try write("link.tar", to: "/"), is: 0, "through a link of the root")
            host.expect(archives.text("\(root)/dir/new"), is: "through", "the link led to /dir")
            host.expect(archives.text("\(root)/.wh.plain"), is: "kept", "a whiteout's name is a name")
            host.expect(try write("out.tar", to: "/"), is: 400, "through a link out of the root")
            host.expect(try write("up.tar", to: "/dir"), is: 400, "upwards")
            for (path, status) in [("/out", 404), ("/nothing", 404), ("/etc/a", 400), ("/../../etc", 0)] {
                host.expect(try write("a.tar", to: path), is: status, path)
            }
            host.expect(try write("etc.tar", to: "/", keepKinds: true), is: 400, "a file for a directory")
            host.expect(archives.text("\(root)/etc/etc/a"), is: "again", "/../../etc is /etc")
            host.expect(try write("etc.tar", to: "/"), is: 0, "a file for a directory, allowed")
            host.expect(archives.text("\(root)/etc"), is: "a file now", "the file")
            host.expect(try HostileTests.state(of: host), is: outside, "outside")
        }
    }

    @Test func `a container that swaps a directory and a link during the copy gains nothing`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let outside = try HostileTests.makeOutside(host)
            let root = try RootArchiveTests.makeRoot(archives)
            try archives.make(
                "os.makedirs('root/x/y'); os.symlink(os.getcwd() + '/outside', 'root/z')\n"
                    + "open('w.tar', 'wb').write(layer(('x/y/',), ('x/y/f', 'bad', {'mode': 0o777}), ('x/d/', None, {'mode': 0o777, 'uid': 7})))"
            )
            let flipper = try host.start([
                "python3", "-c",
                "import ctypes, sys\nc = ctypes.CDLL(None)\nfor i in range(40000000):\n    c.renameat2(-100, b'\(root)/x', -100, b'\(root)/z', 2)",
            ])
            var done = 0
            var refusals = 0
            for _ in 0..<1000 {
                let refused = try archives.refusal {
                    let file = try archives.opened("w.tar")
                    try RootArchive.write("/", in: root, from: file.number, noOverwriteDirNonDir: false)
                }
                if refused == nil { done += 1 } else { refusals += 1 }
                _ = try archives.refusal {
                    let out = try archives.created("r.tar")
                    try RootArchive.read("/x/secret", in: root, to: out.number)
                    throw ImageError(500, "what is outside was read")
                }.map { host.expect($0.status == 404 || $0.status == 400, "read: \($0)") }
            }
            flipper.kill()
            host.expect(done > 0, "no copy has come to its end")
            host.expect(refusals > 0, "no copy has met the link")
            host.expect(try HostileTests.state(of: host), is: outside, "outside")
        }
    }
}
