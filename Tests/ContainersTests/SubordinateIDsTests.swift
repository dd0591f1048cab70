import Glibc
import JSON
import NetCore
import Testing

@testable import Containers
@testable import Images

@Suite("Whose ids a container's users have on the host (man 5 subuid, dockerd's --userns-remap)")
struct SubordinateIDsTests {
    /// A directory as /etc, for the time of `body`.
    private func inDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/berth-subids-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        defer { do throws(ImageError) { try FileTree.remove(directory) } catch {} }
        let files = [
            ("passwd", "root:x:0:0::/:/bin/sh\ndockremap:x:900:900::/:/bin/false\nnone:x:901:901::/:/bin/false\n"),
            ("group", "root:x:0:\ndockremap:x:900:\nothers:x:950:\n"),
            ("subuid", "# who\nsomebody:100000:65536\ndockremap:231072:65536\n900:400000:1000\nbroken:line\n"),
            ("subgid", "dockremap:231072:65536\nothers:500000:70000\n"),
        ]
        for (name, text) in files { try Files.replace("\(directory)/\(name)", with: Array(text.utf8)) }
        try body(directory)
    }

    @Test(
        "default, a name and a number mean the same user; its ranges follow each other",
        arguments: ["default", "dockremap", "900"])
    func users(_ text: String) throws {
        try inDirectory { directory in
            let map = try SubordinateIDs.map(text, directory: directory)
            #expect(
                map.users == [
                    IDMap.Range(inside: 0, outside: 231_072, count: 65536),
                    IDMap.Range(inside: 65536, outside: 400_000, count: 1000),
                ])
            #expect(map.groups == [IDMap.Range(inside: 0, outside: 231_072, count: 65536)])
            #expect(map.root == (231_072, 231_072))
        }
    }

    @Test("a group of its own has its own range", arguments: ["dockremap:others", "900:950"])
    func groups(_ text: String) throws {
        try inDirectory { directory in
            let map = try SubordinateIDs.map(text, directory: directory)
            #expect(map.groups == [IDMap.Range(inside: 0, outside: 500_000, count: 70000)])
            #expect(map.lastGroup == 69999)
        }
    }

    @Test(
        "what has no ids to give is refused with what mends it",
        arguments: [
            ("", "USER:GROUP"), ("a:b:c", "USER:GROUP"), ("dockremap:", "USER:GROUP"), ("nobodyhere", "useradd"),
            ("root", "root"), ("0", "root"), ("none", "none:570000:65536"), ("dockremap:nogroup", "groupadd nogroup"),
        ])
    func refused(_ text: String, _ word: String) throws {
        try inDirectory { directory in
            let error = #expect(throws: APIError.self) { try SubordinateIDs.map(text, directory: directory) }
            #expect(error?.status == 400)
            let said = error?.description ?? ""
            #expect(said.contains(word), "\(said)")
        }
    }

    @Test(
        "a range that cannot be is refused, with its line",
        arguments: [
            "dockremap:0:65536", "dockremap:-1:5", "dockremap:4294967290:100", "dockremap:100000:0", "dockremap:x:1",
            "dockremap:100000:5", "dockremap:18446744073709551615:18446744073709551615",
            "dockremap:100000:65536\ndockremap:165535:10",
            "dockremap:100000:4294000000\ndockremap:1:99000\n900:99500:500000",
        ])
    func ranges(_ lines: String) throws {
        try inDirectory { directory in
            try Files.replace("\(directory)/subuid", with: Array(lines.utf8))
            let error = #expect(throws: APIError.self) { try SubordinateIDs.map("default", directory: directory) }
            let said = error?.description ?? ""
            #expect(error?.status == 400 && said.contains("subuid"), "\(said)")
        }
    }

    @Test("a map is read as it was written, and what is none is not")
    func written() throws {
        let map = IDMap(
            users: [IDMap.Range(inside: 0, outside: 1, count: 2), IDMap.Range(inside: 2, outside: 9, count: 1)],
            groups: [IDMap.Range(inside: 0, outside: 4_294_967_000, count: 5)])
        #expect(IDMap(try JSON(parsing: Array(map.json.text.utf8))) == map)
        for text in [
            "{}", #"{"users":[],"groups":[]}"#, #"{"users":[[0,1]],"groups":[[0,1,1]]}"#,
            #"{"users":[[0,-1,1]],"groups":[[0,1,1]]}"#,
        ] {
            #expect(IDMap(try JSON(parsing: Array(text.utf8))) == nil)
        }
    }

    @Test("owners and capabilities of an archive are the container's inside and the host's outside")
    func entries() throws {
        let map = IDMap(
            users: [IDMap.Range(inside: 0, outside: 0x0102_0304, count: 10)],
            groups: [IDMap.Range(inside: 0, outside: 5000, count: 10)])
        let second: [UInt8] = [1, 0, 0, 2] + [0, 4, 0, 0] + [UInt8](repeating: 0, count: 12)
        let key = Array("security.capability".utf8)
        var entry = TarEntry(name: Array("a".utf8), user: 3, group: 4)
        entry.attributes = [(key, second), (Array("user.x".utf8), second)]
        let outside = try map.outsideEntry(entry)
        #expect(outside.user == 0x0102_0307 && outside.group == 5004)
        #expect(outside.attributes[0].value == [1, 0, 0, 3] + second[4...] + [4, 3, 2, 1])
        #expect(outside.attributes[1].value == second)
        #expect(map.insideAttribute(key, outside.attributes[0].value) == second)
        let inside = map.insideEntry(outside)
        #expect(inside.user == 3 && inside.group == 4)
        // The host's own are nobody's inside, and what is beyond the range has no owner outside.
        entry.user = 0
        #expect(map.insideEntry(entry).user == 65534)
        entry.user = 10
        #expect(throws: ImageError.self) { try map.outsideEntry(entry) }
        // Another root's capabilities are not this one's.
        let other: [UInt8] = [1, 0, 0, 3] + second[4...] + [9, 9, 9, 9]
        #expect(map.insideAttribute(key, other) == other)
    }
}
