import CKernel
public import CNI
import Explain
import Glibc
public import Inspect
import JSON
public import NetCore
import PluginKit

/// What the rules look at, each read when it is first asked for. Of one thread; nothing is changed.
public final class Examination {
    /// Where berth's things lie.
    public struct Places: Sendable {
        public var state: StateDirectory
        public var directories: LeaseDirectories
        public var cache: ResultCache
        /// The daemon's: what survives a boot, and what does not.
        public var root: String
        public var run: String

        public init(
            state: StateDirectory, directories: LeaseDirectories, cache: ResultCache, root: String = "/var/lib/berth",
            run: String = "/run/berth"
        ) {
            (self.state, self.directories, self.cache) = (state, directories, cache)
            (self.root, self.run) = (root, run)
        }
    }

    let places: Places
    private var readAttachments: [AttachmentList.Entry]?
    private var readLinks: [Link]?
    private var readAddresses: [LinkAddress]?
    private var readRoutes: [AddressFamily: [Route]] = [:]
    private var readAnswers: [Asked]?
    private var readGates: [GateChain]?
    private var readSurvey: Doctor?
    private var readTally: RuleTally?
    private var readStanding: [Standing]?
    private var readMounts: [Mounted]?
    private var readFeatures: KernelFeatures?

    public init(_ places: Places) { self.places = places }

    static let host = NodeReference(name: "host", namespace: "/proc/thread-self/ns/net")

    // MARK: berth's own

    /// Throws EPERM for one who may not.
    func attachments() throws(KernelError) -> [AttachmentList.Entry] {
        if let readAttachments { return readAttachments }
        do throws(InspectError) {
            let found = try AttachmentList(of: places.state, cache: places.cache).entries
            readAttachments = found
            return found
        } catch {
            throw Examination.kernel(error)
        }
    }

    /// What the doctor of berth's own objects finds, who only looks.
    func ownObjects() throws(KernelError) -> Doctor {
        if let readSurvey { return readSurvey }
        do throws(InspectError) {
            let found = try Doctor(
                of: places.state, in: places.directories, cache: places.cache, fix: false)
            readSurvey = found
            return found
        } catch {
            throw Examination.kernel(error)
        }
    }

    private static func kernel(_ error: InspectError) -> KernelError {
        KernelError(
            error.message, error.code == .privilege ? .notPermitted : .invalidArgument,
            error.cause ?? error.fix)
    }

    /// How many of berth's rules there are, and are missing.
    func ownRules() throws(KernelError) -> RuleTally {
        if let readTally { return readTally }
        let found = try ownObjects().findings
        do throws(InspectError) {
            let tally = try RuleTally(of: places.state, found: found)
            readTally = tally
            return tally
        } catch {
            throw Examination.kernel(error)
        }
    }

    /// Attachments whose namespace stands.
    func standing() throws(KernelError) -> [Standing] {
        if let readStanding { return readStanding }
        var found: [Standing] = []
        var names: Set<String> = [Examination.host.name]
        for entry in try attachments() where entry.isDone {
            guard let path = entry.netns, NetworkNamespace.isOpenable(path) else { continue }
            if let index = found.firstIndex(where: { $0.node.namespace == path }) {
                found[index].entries.append(entry)
                continue
            }
            let id = entry.attachment.containerID
            var name = id.count > 20 && id.allSatisfy(\.isHexDigit) ? String(id.prefix(12)) : id
            if !names.insert(name).inserted {
                name = "\(name)/\(entry.attachment.interface)"
                names.insert(name)
            }
            found.append(Standing(node: NodeReference(name: name, namespace: path), entries: [entry]))
        }
        readStanding = found
        return found
    }

    /// Bridges that attachments are on, and those of the configured networks that stand without one by now.
    func ownBridges() throws(KernelError) -> [String] {
        var names = Set(try attachments().compactMap(\.bridge))
        let configured = places.directories.configured.networks.flatMap(\.list.plugins).compactMap { plugin in
            // As the plugin: cni0 unless said.
            plugin["type"]?.string == "bridge" ? plugin["bridge"]?.string ?? "cni0" : nil
        }
        for link in try links() where link.kind == "bridge" && configured.contains(link.name) {
            names.insert(link.name)
        }
        return names.sorted()
    }

    /// Where a symbolic link leads; nil where it cannot be read.
    static func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &bytes, 4095)
        return count > 0 ? String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    // MARK: the host's network

    func links() throws(KernelError) -> [Link] {
        if let readLinks { return readLinks }
        var socket = try NetlinkSocket(NETLINK_ROUTE)
        let found = try socket.links()
        readLinks = found
        return found
    }

    func link(_ name: String) throws(KernelError) -> Link? { try links().first { $0.name == name } }

    func addresses() throws(KernelError) -> [LinkAddress] {
        if let readAddresses { return readAddresses }
        var socket = try NetlinkSocket(NETLINK_ROUTE)
        let found = try socket.addresses()
        readAddresses = found
        return found
    }

    /// Of all tables.
    func routes(_ family: AddressFamily) throws(KernelError) -> [Route] {
        if let known = readRoutes[family] { return known }
        var socket = try NetlinkSocket(NETLINK_ROUTE)
        let found = try socket.routes(family)
        readRoutes[family] = found
        return found
    }

    /// Devices with a default route, whatever table it stands in, without our bridges.
    func uplinks(_ family: AddressFamily) throws(KernelError) -> [Link] {
        let indices = Set(try routes(family).filter(\.isDefault).compactMap(\.link))
        return try links().filter { indices.contains($0.index) }
    }

    /// A parameter below /proc/sys; nil where there is none.
    func parameter(_ path: String) throws(KernelError) -> String? {
        try ignoring(.noSuchFile) { () throws(KernelError) in try Sysctl.read(path) }
    }

    func number(_ path: String) throws(KernelError) -> Int? {
        try parameter(path).flatMap { Int($0.split(separator: "\t").first.map(String.init) ?? $0) }
    }

    /// The values of a parameter of interfaces, "all" and "default" among them, by name: net/FAMILY/conf/NAME/PARAMETER.
    func perInterface(_ parameter: String, _ family: AddressFamily = .v4) throws(KernelError) -> [(
        name: String, path: String, value: Int
    )] {
        let folder = family == .v4 ? "net/ipv4/conf" : "net/ipv6/conf"
        var found: [(String, String, Int)] = []
        for name in try Files.names(in: "/proc/sys/\(folder)").sorted() {
            let path = "\(folder)/\(name)/\(parameter)"
            if let value = try number(path) { found.append((name, path, value)) }
        }
        return found
    }

    /// The base chains of this host. Throws what the kernel refused.
    func gates() throws(KernelError) -> [GateChain] {
        if let readGates { return readGates }
        let found = try Explainer.gates(of: Examination.host)
        readGates = found
        return found
    }

    /// Answers to questions, each with the containers that its packet may meet. On a host of many containers it is asked with these alone, so
    /// that neither descriptors nor time run out: a frame to a MAC that its bridge does not know is flooded to them only. Throws what the
    /// kernel refused.
    func evaluate(_ questions: [(ReachQuestion, [NodeReference])]) throws(KernelError) -> [ReachAnswer] {
        let every = try standing().map(\.node)
        var answers: [ReachAnswer] = []
        for begin in stride(from: 0, to: questions.count, by: 32) {
            let some = questions[begin..<min(begin + 32, questions.count)]
            var nodes = [Examination.host]
            for node in every.count <= 100 ? every : some.flatMap(\.1) where !nodes.contains(node) {
                nodes.append(node)
            }
            answers += try Explainer.explain(all: some.map(\.0), nodes: nodes)
        }
        return answers
    }

    /// What was asked of the rules: a stranger's packet to each published port, and one out of each network.
    func answers() throws(KernelError) -> [Asked] {
        if let readAnswers { return readAnswers }
        let found = try Asked.all(self)
        readAnswers = found
        return found
    }

    /// The lines of /proc/thread-self/mountinfo.
    func mounts() throws(KernelError) -> [Mounted] {
        if let readMounts { return readMounts }
        let found = Mounted.list(try text("/proc/thread-self/mountinfo"))
        readMounts = found
        return found
    }

    /// What the kernel was built with.
    var features: KernelFeatures {
        let found = readFeatures ?? KernelFeatures()
        readFeatures = found
        return found
    }

    // MARK: files

    func text(_ path: String) throws(KernelError) -> String { String(decoding: try Files.read(path), as: UTF8.self) }

    /// Nil where there is none.
    func existing(_ path: String) throws(KernelError) -> String? {
        try ignoring(.noSuchFile) { () throws(KernelError) in try text(path) }
    }

    /// None where the folder is not there.
    func names(in path: String) throws(KernelError) -> [String] {
        try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: path) }?.sorted() ?? []
    }

    var isRoot: Bool { geteuid() == 0 }
}

/// A container's namespace, and the attachments in it.
struct Standing {
    let node: NodeReference
    var entries: [AttachmentList.Entry]
}

/// A mount as /proc/thread-self/mountinfo tells it (man 5 proc).
struct Mounted: Hashable {
    let point: String
    let type: String

    static func list(_ text: String) -> [Mounted] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard let hyphen = fields.firstIndex(of: "-"), hyphen >= 6, fields.count > hyphen + 1 else { return nil }
            return Mounted(point: fields[4], type: fields[hyphen + 1])
        }
    }
}
