import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Networks

@Suite("Who is on a network (NAME.containers)")
struct HeldAttachmentTests {
    @Test("a file a container, gone with it; what is no container's hides nobody and is left alone")
    func files() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "web", "IPAM": ["Config": [["Subnet": "10.6.0.0/29"]]]])
            let folder = store.files.containers("web")
            host.expect(!Files.exists(folder), "a network that nobody is on has \(folder)")
            let one = try store.join(host, "one", "web")
            let two = try store.join(host, "two", "web")
            host.expect(
                try Files.names(in: folder).sorted(), is: ["\(one.id).json", "\(two.id).json"].sorted(), "files")
            try Files.replace("\(folder)/notes", with: Array("of somebody".utf8))
            try Files.replace("\(folder)/other.json", with: Array("{\"id\":\"\(one.id)\"}".utf8))
            try store.leave(one)
            host.expect(try store.files.held("web").map(\.containerID), is: [two.id], "who is there")
            try store.leave(two)
            host.expect(try Files.names(in: folder).sorted(), is: ["notes", "other.json"], "files")
            try store.remove("web")
        }
    }

    @Test("a full disk keeps nobody on a network: who left is not found any more, who stays is")
    func full() throws {
        try PrivateHost.withNetworks { host, store in
            try Files.makeDirectories(store.files.directory)
            try host.must("mount -t tmpfs -o size=256k tmpfs \(store.files.directory)")
            _ = try store.create(["Name": "web", "IPAM": ["Config": [["Subnet": "10.6.0.0/24"]]]])
            let one = try store.join(host, "one", "web")
            let two = try store.join(host, "two", "web")
            let filler = "\(store.files.directory)/.filler"
            try host.fillDisk(filler)
            let before = try Files.names(in: store.files.directory).sorted()
            let error = try store.refusal { _ = try store.join(host, "three", "web") }
            host.expect(error.words.contains("ENOSPC"), error.words)
            host.expect(try Files.names(in: store.files.directory).sorted(), is: before, "files after a refusal")
            let table = { () throws -> [String] in
                let json = try JSON(parsing: Files.read(store.files.names("web")))
                return NameTable(json)?.entries.flatMap(\.names).filter { $0.utf8.count < 12 } ?? []
            }
            host.expect(try table(), is: ["one", "two"], "names after a refusal")
            try store.leave(one)
            host.expect(try table(), is: ["two"], "names")
            host.expect(try store.files.held("web").map(\.containerName), is: ["two"], "who is there")
            try host.fillDisk(filler)
            try store.leave(two)
            try store.remove("web")
            host.expect(
                try Files.names(in: store.files.directory).filter { $0.hasPrefix("web") }, is: [], "files at the end")
        }
    }
}
