import CNI
import Glibc
import JSON
import NetCore

/// Networks as CNI lists (docs/runtime/parts.md): `bridge` (the default, made when it is first asked for), `host` and `none` are always there;
/// others come from ROOT/networks and, by name, from /etc/cni/net.d. Any number of processes may use it.
public struct NetworkStore: Sendable {
    public let root: String
    public let run: String
    /// Where plugins are looked for; the first entry is berth's own.
    public let pluginPath: [String]
    /// Where administrators put lists.
    public var administrated = "/etc/cni/net.d"

    public init(root: String, run: String, pluginPath: [String]) {
        self.root = root
        self.run = run
        self.pluginPath = pluginPath
    }

    var files: NetworkFiles { NetworkFiles(root: root, run: run) }

    /// Docker's Network objects (Name, Id, Created, Scope, Driver, EnableIPv6, IPAM, Internal, Attachable, Containers, Options, Labels).
    public func networks() throws(NetworkError) -> [JSONObject] {
        do throws(NetworkError) {
            _ = try standard()
        } catch  where error.status == 403 {
            // No subnet is free: the others are there all the same.
        }
        return try all().map { network throws(NetworkError) in try object(network) }
    }

    /// By name, id or a beginning of one. Throws 404, 409.
    public func network(_ reference: String) throws(NetworkError) -> JSONObject { try object(find(reference)) }

    /// Every network: those of ours by name, then host and none, then an administrator's.
    func all() throws(NetworkError) -> [StoredNetwork] {
        let listed = try answering("list the networks") { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: files.directory) } ?? []
        }
        var networks: [StoredNetwork] = []
        for file in listed.sorted() where file.hasSuffix(".conflist") && !file.hasPrefix(".") {
            // One that cannot be read hides no other.
            do throws(NetworkError) {
                if let network = try own(String(file.dropLast(".conflist".utf8.count))) { networks.append(network) }
            } catch {
                continue
            }
        }
        networks += [.builtIn(.host, root: root), .builtIn(.none, root: root)]
        do throws(CNIError) {
            for found in try ConfigurationDirectory(administrated).networks().networks
            where !networks.contains(where: { $0.name == found.list.name }) {
                networks.append(.foreign(found))
            }
        } catch {
            // Nobody's networks but the administrator's are there.
        }
        return networks
    }

    /// A network of ROOT/networks; nil where there is none of that name.
    func own(_ name: String) throws(NetworkError) -> StoredNetwork? {
        guard let list = try files.read(files.list(name)) else { return nil }
        let id = list["berth"]?["id"]?.string ?? Hex.text(Digest.sha256("network \(name)"))
        return StoredNetwork(
            kind: name == "bridge" ? .standard : .created, name: name, id: id, file: files.list(name), list: list)
    }

    /// By name, id or a beginning of one; `default` is the default network, as for Docker. Throws 404, 409.
    func find(_ reference: String) throws(NetworkError) -> StoredNetwork {
        switch reference {
        case "bridge", "default": return try standard()
        case "host": return .builtIn(.host, root: root)
        case "none": return .builtIn(.none, root: root)
        default: break
        }
        // A name is a file; nothing else is looked at.
        if NetworkName.fault(in: reference) == nil, let network = try own(reference) { return network }
        let networks = try all()
        if let network = networks.first(where: { $0.name == reference }) { return network }
        if let network = networks.first(where: { $0.id == reference }) { return network }
        let found = reference.isEmpty ? [] : networks.filter { $0.id.hasPrefix(reference) }
        guard let network = found.first else { throw NetworkError(404, "network \(reference) not found") }
        guard found.count == 1 else {
            throw NetworkError(
                409, "network \(reference) is ambiguous: it begins the ids of \(found.map(\.name).joined(by: ", "))")
        }
        return network
    }
}

/// What a network may be called, as for Docker: what a file can be called, too.
enum NetworkName {
    static func fault(in name: String) -> String? {
        let isFirst = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        guard let first = name.utf8.first else { return "is empty" }
        if name.utf8.count > 128 { return "is longer than 128 bytes" }
        guard isFirst(first), name.utf8.allSatisfy({ isFirst($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }) else {
            return "must begin with a letter or digit and hold only letters, digits, _, . and -"
        }
        return nil
    }
}
