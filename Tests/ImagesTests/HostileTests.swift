import Glibc
import NetCore
import TestSupport
import Testing

@testable import Images

@Suite struct HostileTests {
    /// name, Python's entries, the status (0: it is taken, harmless).
    private static let archives: [(String, String, Int)] = [
        ("upwards", "('../outside/x', 'bad')", 400),
        ("upwards inside", "('a/../../outside/x', 'bad')", 400),
        ("absolute", "(OUT + '/x', 'bad')", 0),
        ("below an absolute link", "link('l', OUT), ('l/x', 'bad')", 400),
        ("below a link upwards", "link('l', '../../../../../..' + OUT), ('l/x', 'bad')", 400),
        ("below links in a circle", "link('a', 'b'), link('b', 'a'), ('a/x', 'y')", 400),
        ("below a link that leads somewhere in the archive", "(OUT[1:] + '/',), link('l', OUT), ('l/x', 'in')", 0),
        ("hard link upwards", "hard('h', '../outside/secret'), ('h', 'bad')", 400),
        ("hard link to an absolute path", "hard('h', OUT + '/secret')", 400),
        ("hard link through a link", "link('l', OUT), hard('h', 'l/secret')", 400),
        ("hard link to a link, then written", "link('s', OUT + '/secret'), hard('h', 's'), ('h', 'bad')", 0),
        ("hard link to itself", "hard('a', 'a')", 400),
        ("a file in a link's place", "link('s', OUT + '/secret'), ('s', 'bad', {'mode': 0o777, 'uid': 9})", 0),
        ("a directory in a link's place", "link('s', OUT), ('s/', None, {'mode': 0o777, 'uid': 9, 'mtime': 1})", 0),
        (
            "a directory replaced by a link, then written below",
            "('d/',), ('d/a', '1'), link('d', OUT), ('d/x', 'bad')", 400
        ),
        ("the root as a link", "('.', None, {'type': tarfile.SYMTYPE, 'linkname': OUT}), ('x', 'bad')", 400),
        ("an overlay's whiteout", "('secret', None, {'type': tarfile.CHRTYPE})", 400),
        ("an overlay's attribute", "('d/', None, {'pax_headers': {'SCHILY.xattr.trusted.overlay.redirect': OUT}})", 0),
        ("a whiteout of nothing", "('.wh.', '')", 400),
        ("a whiteout of the directory", "('d/.wh...', '')", 400),
        ("a NUL in a name", "('a', 'x', {'pax_headers': {'path': 'a\\0b'}})", 400),
        ("a line feed in a name", "('a\\nb', 'x')", 0),
        ("directories without end", "('d/' * 300,)", 400),
        ("a long name", "('n' * 300, 'x')", 400),
        ("something below a file", "('a', 'x'), ('a/b', 'y')", 400),
        ("a sparse file", "('s', 'x', {'type': tarfile.GNUTYPE_SPARSE})", 400),
        ("an unknown kind", "('s', None, {'type': b'Z'})", 400),
        ("a link to nothing", "link('l', '')", 400),
    ]

    @Test func `no archive reaches out of a layer`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let outside = try HostileTests.makeOutside(host)
            let list = HostileTests.archives
            try archives.make(
                "OUT = '\(archives.path("outside"))'\nbase = layer(('secret', 'lower'), ('d/',))\n"
                    + list.enumerated().map { "image('\($0).tar', [base, layer(\($1.1))], ['h:\($0)'])" }.joined(
                        separator: "\n"))
            let store = ImageStore(archives.path("store"))
            for (index, (name, _, status)) in list.enumerated() {
                let refused = try archives.refusal { _ = try archives.load("\(index).tar", into: store) }
                host.expect(refused?.status ?? 0, is: status, "\(name): \(refused?.description ?? "taken")")
                host.expect(try HostileTests.state(of: host), is: outside, "outside after: \(name)")
            }
            host.expect(try archives.leftovers(store), is: [], "left over")
            let lines = try store.layers(of: try store.image("h:21"))[1]
            host.expect(try Files.names(in: lines), is: ["a\nb"], "a line feed is a name's as any other")
            let attributed = try store.layers(of: try store.image("h:17"))[1]
            host.expect(Directory.attributeKeys(AT_FDCWD, Array("/\(attributed)/d".utf8)), is: [], "attributes")
        }
    }

    @Test func `archives with changed bytes are taken or refused, and reach nothing outside`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let outside = try HostileTests.makeOutside(host)
            try archives.make(
                """
                OUT = '\(archives.path("outside"))'
                open('plain', 'wb').write(layer(('a/',), ('a/b', 'x' * 700), link('l', OUT), hard('h', 'a/b'), ('y' * 120, 'z'),
                    ('c', 'd', {'pax_headers': {'SCHILY.xattr.user.k': 'v'}}), ('l2/x', 'y')))
                open('packed', 'wb').write(gzip.compress(open('plain', 'rb').read()))
                """)
            var random: UInt64 = 42
            func next(_ limit: Int) -> Int {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(random >> 33) % limit
            }
            var taken = 0
            for (round, name) in (0..<300).map({ ($0, $0 % 3 == 0 ? "packed" : "plain") }) {
                var bytes = try Files.read(archives.path(name))
                for _ in 0...next(4) { bytes[next(bytes.count)] = UInt8(next(256)) }
                if next(5) == 0 { bytes.removeLast(next(bytes.count)) }
                // Its checksums are made right again: what lies behind them must hold, too.
                if name == "plain" { HostileTests.mend(&bytes) }
                try Files.replace(archives.path("changed"), with: bytes)
                let place = archives.path("place-\(round)")
                try Files.makeDirectories(place)
                let root = try Directory.open(place)
                let file = try archives.opened("changed")
                let refused = try archives.refusal {
                    var reader = TarReader(ByteSource(file.number, "the archive", isDigested: true))
                    var unpacking = Unpacking(
                        root: root.number, purpose: .layer(below: []))
                    try unpacking.unpack(&reader)
                }
                if refused == nil { taken += 1 }
                host.expect(
                    [nil, 400].contains(refused?.status) || refused?.description.holds("File name") == true
                        || refused?.description.holds("set the") == true,
                    "round \(round): \(refused?.description ?? "")")
                host.expect(try HostileTests.state(of: host), is: outside, "outside after round \(round)")
                try Removal.remove(path: place)
                host.expect(!Files.exists(place), "removed")
            }
            host.expect((20..<280).contains(taken), "some are taken, some refused: \(taken) of 300")
        }
    }

    @Test func `a tree of any depth is removed, and no link is followed`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let outside = try HostileTests.makeOutside(host)
            try archives.make(
                """
                os.mkdir('deep'); home = os.getcwd(); os.chdir('deep')
                for i in range(3000):
                    os.mkdir('d'); os.symlink(home + '/outside', 'l'); os.chdir('d')
                """)
            try Removal.remove(path: archives.path("deep"))
            host.expect(!Files.exists(archives.path("deep")), "gone")
            host.expect(try HostileTests.state(of: host), is: outside, "outside")
        }
    }

    static func makeOutside(_ host: PrivateHost) throws -> String {
        try Files.makeDirectories("\(host.scratch)/outside", mode: 0o750)
        try Files.replace("\(host.scratch)/outside/secret", with: Array("kept".utf8))
        return try state(of: host)
    }

    static func state(of host: PrivateHost) throws -> String {
        var text = try Files.names(in: "\(host.scratch)/outside").joined(separator: " ")
        for name in ["", "/secret"] {
            guard let facts = try Directory.facts(AT_FDCWD, Array("\(host.scratch)/outside\(name)".utf8)) else {
                return "gone"
            }
            let found = facts.found
            text += " \(found.mode) \(found.user) \(found.links) \(found.seconds) \(found.nanoseconds) \(found.size)"
        }
        return text
    }

    /// Every 512 bytes that say "ustar" get the checksum of what they are.
    private static func mend(_ bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count - 511, by: 512)
        where bytes[(start + 257)...].starts(with: Array("ustar".utf8)) {
            for index in 148..<156 { bytes[start + index] = 0x20 }
            let sum = bytes[start..<(start + 512)].reduce(0) { $0 + Int($1) }
            let text = String(sum, radix: 8)
            let digits = Array((String(repeating: "0", count: 6 - text.utf8.count) + text).utf8) + [0]
            for (index, digit) in digits.enumerated() { bytes[start + 148 + index] = digit }
        }
    }
}
