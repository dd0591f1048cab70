import CNI
import Glibc
import JSON
import NetCore
import Testing

@testable import IPAM

/// A directory of a test's own, removed with everything in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init(in place: String = "/tmp") throws {
        var template = Array("\(place)/berth-ipam-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        path = try #require(made)
    }

    deinit { TemporaryDirectory.remove(path, depth: 0) }

    private static func remove(_ path: String, depth: Int) {
        guard depth < 8, let handle = opendir(path) else {
            unlink(path)
            return
        }
        var names: [String] = []
        while let entry = readdir(handle) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        closedir(handle)
        for name in names where name != "." && name != ".." { remove("\(path)/\(name)", depth: depth + 1) }
        rmdir(path)
    }
}

/// A host with one network whose leases stand in a directory of the test's own.
struct Bench {
    let data: TemporaryDirectory
    var network = "net"
    var version = "1.1.0"
    /// Members of `ipam` beside type and dataDir.
    var ipam: JSONObject
    /// Top-level members.
    var extra: JSONObject = [:]

    init(_ ipam: JSONObject = ["ranges": [[["subnet": "10.1.2.0/24"]]]], in place: String = "/tmp") throws {
        data = try TemporaryDirectory(in: place)
        self.ipam = ipam
    }

    var directory: String { "\(data.path)/\(network)" }

    var json: JSONObject {
        var ipam: JSONObject = ["type": "host-local", "dataDir": .string(data.path)]
        for (key, value) in self.ipam { ipam[key] = value }
        var json: JSONObject = [
            "cniVersion": .string(version), "name": .string(network), "type": "bridge", "ipam": .object(ipam),
        ]
        for (key, value) in extra { json[key] = value }
        return json
    }

    func request(
        _ command: Command, _ container: String = "c1", _ interface: String = "eth0", arguments: String = "",
        previous: CNIResult? = nil, valid: JSON? = nil, environment: [String: String] = [:]
    ) throws -> Request {
        var json = json
        if let previous { json["prevResult"] = try previous.json(version: .latest) }
        if let valid { json["cni.dev/valid-attachments"] = valid }
        return Request(
            command: command, containerID: container, netns: "/proc/1/ns/net", interface: LinkName(interface),
            arguments: try CNIArguments(arguments), configuration: try NetworkConfiguration(json),
            environment: Environment(environment))
    }

    @discardableResult
    func add(_ container: String = "c1", _ interface: String = "eth0", arguments: String = "") throws -> CNIResult {
        try HostLocal().add(try request(.add, container, interface, arguments: arguments))
    }

    func del(_ container: String = "c1", _ interface: String = "eth0", previous: CNIResult? = nil) throws {
        try HostLocal().del(try request(.del, container, interface, previous: previous))
    }

    func check(_ container: String = "c1", _ interface: String = "eth0", previous: CNIResult?) throws {
        try HostLocal().check(try request(.check, container, interface, previous: previous))
    }

    func gc(_ valid: JSON) throws { try HostLocal().gc(try request(.gc, valid: valid)) }

    func status() throws { try HostLocal().status(try request(.status)) }

    /// The addresses of one ADD.
    func addresses(_ container: String = "c1", _ interface: String = "eth0", arguments: String = "") throws -> [String]
    {
        try add(container, interface, arguments: arguments).ips.map { "\($0.address)" }
    }

    /// The error of an ADD that must fail.
    func refusal(_ container: String = "c1", arguments: String = "", sourceLocation: SourceLocation = #_sourceLocation)
        throws
        -> CNIError
    {
        try #require(throws: CNIError.self, sourceLocation: sourceLocation) {
            try add(container, arguments: arguments)
        }
    }

    // MARK: - The disk

    func write(_ name: String, _ content: String) throws {
        try Files.makeDirectories(directory)
        try Files.replace("\(directory)/\(name)", with: Array(content.utf8))
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Files.read("\(directory)/\(name)"), as: UTF8.self)
    }

    /// Names of leases, without lock and cursors.
    var leases: [String] {
        get throws { try names(directory).filter { $0 != "lock" && !$0.hasPrefix("last_reserved_ip.") } }
    }

    /// Names of links in the index.
    var links: [String] { get throws { try names("\(data.path)/.berth/\(network)") } }

    func names(_ path: String) throws -> [String] {
        Files.exists(path) ? try Files.names(in: path).sorted() : []
    }

    /// Makes a file look as if it had been written `seconds` ago.
    func age(_ name: String, by seconds: Int) throws {
        let then = timespec(tv_sec: time(nil) - seconds, tv_nsec: 0)
        try #require(utimensat(AT_FDCWD, "\(directory)/\(name)", [then, then], 0) == 0)
    }
}
