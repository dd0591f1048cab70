import Glibc
import Testing

@testable import Client

@Suite struct ArchiveTests {
    private func temporary() -> String {
        var name = Array("/tmp/berth-client-XXXXXX".utf8CString)
        return String(cString: mkdtemp(&name))
    }

    private func packed(_ tree: PackedTree) throws -> [UInt8] {
        var all: [UInt8] = []
        while case let bytes = try tree.next(), !bytes.isEmpty { all += bytes }
        return all
    }

    /// In pieces of odd sizes, as a socket gives them.
    private func source(_ bytes: [UInt8]) -> () throws(ClientError) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        return { () throws(ClientError) in
            let part = rest.prefix(777)
            rest = rest.dropFirst(part.count)
            return part
        }
    }

    @Test func aTreeComesOutAsItWentIn() throws {
        let folder = temporary()
        defer { _ = system("rm -rf \(folder)") }
        let long = String(repeating: "x", count: 150)
        #expect(
            system(
                "cd \(folder) && mkdir -p in/sub out && printf hello > in/a && chmod 640 in/a && ln -s a in/link && "
                    + "head -c 100000 /dev/zero > in/sub/\(long) && touch -d @1000000000 in/a") == 0)
        let bytes = try packed(PackedTree("\(folder)/in", as: "name", followsLink: false))
        #expect(bytes.count % 512 == 0)
        var tree = try UnpackedTree(into: "\(folder)/out", as: "other", keepsOwner: false)
        try tree.unpack(source(bytes))
        #expect(system("diff -r --no-dereference \(folder)/in \(folder)/out/other") == 0)
        #expect(system("[ \"$(stat -c '%a %Y' \(folder)/out/other/a)\" = '640 1000000000' ]") == 0)
    }

    private func archive(_ members: [(String, TarHeader.Kind, String)]) -> [UInt8] {
        members.flatMap { name, kind, text in
            let content = kind == .file ? Array(text.utf8) : []
            let header = TarHeader(
                name: name, kind: kind, mode: 0o4755, user: 0, group: 0, size: Int64(content.count), modified: 0,
                link: kind == .file ? "" : text)
            return header.blocks + content + [UInt8](repeating: 0, count: TarHeader.padding(Int64(content.count)))
        } + [UInt8](repeating: 0, count: 1024)
    }

    @Test(
        arguments: [
            [("top/", .directory, ""), ("top/../../escaped", .file, "x")],
            [("top/", .directory, ""), ("top/link", .symbolicLink, "/tmp"), ("top/link/berth-escaped", .file, "x")],
            [("top/", .directory, ""), ("top/hard", .hardLink, "../../../etc/passwd")],
        ] as [[(String, TarHeader.Kind, String)]])
    func aHostileArchiveStaysInItsDirectory(_ members: [(String, TarHeader.Kind, String)]) throws {
        let folder = temporary()
        defer { _ = system("rm -rf \(folder)") }
        var tree = try UnpackedTree(into: folder, as: "top", keepsOwner: false)
        #expect(throws: ClientError.self) { try tree.unpack(source(archive(members))) }
        #expect(access("/tmp/berth-escaped", F_OK) != 0)
        #expect(access("\(folder)/../escaped", F_OK) != 0)
    }

    @Test func setIdentityBitsAreLeftOut() throws {
        let folder = temporary()
        defer { _ = system("rm -rf \(folder)") }
        var tree = try UnpackedTree(into: folder, as: "f", keepsOwner: false)
        try tree.unpack(source(archive([("f", .file, "x")])))
        var found = stat()
        #expect(stat("\(folder)/f", &found) == 0 && found.st_mode & 0o7777 == 0o755)
    }

    @Test func aCutArchiveIsAnError() throws {
        let folder = temporary()
        defer { _ = system("rm -rf \(folder)") }
        let whole = archive([("f", .file, String(repeating: "x", count: 2000))])
        for count in [100, 700, 1500] {
            var tree = try UnpackedTree(into: folder, as: "f", keepsOwner: false)
            #expect(throws: ClientError.self) { try tree.unpack(source(Array(whole.prefix(count)))) }
        }
    }

    @Test func placesAreDockers() throws {
        func place(_ source: String, _ isDirectory: Bool, _ path: String, _ target: CopyPath.Target) throws -> String {
            let (directory, name) = try CopyPath.place(
                source: source, isDirectory: isDirectory, onto: path, over: target)
            return "\(directory) \(name ?? "-")"
        }
        #expect(try place("/a/f", false, "/x/new", .nothing) == "/x new")
        #expect(try place("/a/f", false, "/x", .directory) == "/x f")
        #expect(try place("/a/f", false, "/x/f2", .file) == "/x f2")
        #expect(try place("/a/d", true, "/x/new/", .nothing) == "/x new")
        #expect(try place("/a/d", true, "/x", .directory) == "/x d")
        #expect(try place("/a/d/.", true, "/x", .directory) == "/x -")
        #expect(try place("/a/d/.", true, "new", .nothing) == ". new")
        #expect(throws: ClientError.self) { try place("/a/d", true, "/x", .file) }
        #expect(throws: ClientError.self) { try place("/a/f", false, "/x/", .nothing) }
        #expect(try CopyPath("c:/x") == .container("c", path: "/x"))
        #expect(try CopyPath("./c:/x") == .local("./c:/x"))
        #expect(try CopyPath("c:x") == .container("c", path: "/x"))
    }
}
