import CNI
import Glibc
import IPAM
import JSON
import NetCore
import PluginKit
import TestSupport

@testable import Inspect

/// Networks, leases and attachments of one private host, below its scratch folder.
struct LeaseBench {
    let host: PrivateHost
    let state: StateDirectory
    let cache: ResultCache

    /// 2023-11-14T22:13:20Z
    static let long = 1_700_000_000
    var dataDirectory: String { "\(host.scratch)/networks" }
    var configurations: String { "\(host.scratch)/net.d" }

    init(_ host: PrivateHost) throws {
        self.host = host
        state = StateDirectory("\(host.scratch)/state")
        cache = ResultCache("\(host.scratch)/cache")
        for path in [dataDirectory, configurations] { try Files.makeDirectories(path) }
    }

    func directories() throws -> LeaseDirectories {
        LeaseDirectories(try ConfiguredNetworks(in: configurations), dataDirectory: dataDirectory)
    }

    /// A list with host-local, whose interface plugin is `type`.
    func configure(_ network: String, _ subnets: String..., type: String = "bridge") throws {
        let ranges = subnets.map { #"[{"subnet": "\#($0)"}]"# }.joined(separator: ",")
        let text = #"""
            {"cniVersion": "1.1.0", "name": "\#(network)", "plugins": [{"type": "\#(type)", "bridge": "br-\#(network)",
             "ipam": {"type": "host-local", "dataDir": "\#(dataDirectory)", "ranges": [\#(ranges)]}}]}
            """#
        try Files.replace("\(configurations)/\(network).conflist", with: Array(text.utf8))
    }

    /// A lease as the reference writes it: by the file's name and its content.
    func lease(_ network: String, _ file: String, _ content: String, since: Int = long) throws {
        let folder = "\(dataDirectory)/\(network)"
        try Files.makeDirectories(folder)
        // Whoever makes the directory makes it, too.
        _ = try Files.create("\(folder)/lock", with: [])
        try Files.replace("\(folder)/\(file)", with: Array(content.utf8))
        var times = [timeval(tv_sec: since, tv_usec: 0), timeval(tv_sec: since, tv_usec: 0)]
        try check("age \(file)") { utimes("\(folder)/\(file)", &times) }
    }

    /// An attachment with its record, by berth's bridge with host-local.
    func attach(_ network: String, _ container: String, _ addresses: String..., isGateway: Bool = false) throws {
        var record = Records.make(network, container, addresses: addresses, bridge: "br-\(network)", end: "veth1")
        var section = record["bridge"]!
        section.notes["isGateway"] = .bool(isGateway)
        section.configuration["ipam"] = ["type": "host-local", "dataDir": .string(dataDirectory)]
        record["bridge"] = section
        try AttachmentRecords(state).write(&record)
    }

    /// An attachment that the runtime's cache alone remembers.
    func remember(_ network: String, _ container: String, _ address: String, pendingDelete: String? = nil) throws {
        let list = #"""
            {"cniVersion": "1.0.0", "name": "\#(network)", "plugins": [{"type": "ipvlan",
             "ipam": {"type": "host-local", "dataDir": "\#(dataDirectory)"}}]}
            """#
        let result = #"{"cniVersion": "1.0.0", "ips": [{"address": "\#(address)"}]}"#
        try cache.write(
            CachedAttachment(
                network: network,
                parameters: try AttachmentParameters(
                    containerID: container, netns: "/run/netns/\(container)", interface: LinkName("eth0")!,
                    arguments: CNIArguments("")),
                configuration: Array(list.utf8), result: try JSON(parsing: Array(result.utf8)), owner: "test",
                pendingDelete: pendingDelete))
    }

    func findings(_ network: String? = nil) throws -> [LeaseCheck.Finding] {
        try LeaseCheck(in: try directories(), state: state, cache: cache, network: network).findings
    }

    @discardableResult
    func release(_ network: String, _ addresses: String..., force: Bool = false) throws -> LeaseRelease {
        try LeaseRelease(
            addresses, of: network, in: try directories(), state: state, cache: cache, force: force)
    }

    /// Every file below the data directory with what is in it.
    func contents() throws -> [String] {
        try host.state(folders: [dataDirectory]).matching { $0.hasPrefix("file ") }.lines
    }

    /// The names of a network's lease files.
    func files(_ network: String) throws -> [String] {
        try Files.names(in: "\(dataDirectory)/\(network)").filter { IPAddress($0) != nil }.sorted()
    }
}

/// What the body is refused with; nil when it is not.
func refused(_ body: () throws -> Void) throws -> InspectError? {
    do {
        try body()
        return nil
    } catch let error as InspectError {
        return error
    }
}
