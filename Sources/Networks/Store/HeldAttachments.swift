import Glibc
import JSON
import NetCore

/// A container on a network: ROOT/networks/NAME.containers/ID.json. A file each, so that a detach needs no room on the disk.
struct HeldAttachment: Sendable {
    var containerID: String
    var containerName: String
    var endpointID: String
    var interface: String
    var addresses: [String] = []
    var macAddress = ""
    var aliases: [String] = []
    /// ADD has not answered yet, or was killed.
    var isAttaching = true
    /// A change of its ports is under way, or was killed (`publish`).
    var isPublishing = false
    /// The boot in which it was attached: with the next one its namespace is gone.
    var boot: String?
}

extension HeldAttachment {
    /// Nil for what tells no container.
    init?(_ json: JSONObject) {
        guard let id = json["id"]?.string else { return nil }
        let texts = { (key: String) in (json[key]?.array ?? []).compactMap(\.string) }
        self.init(
            containerID: id, containerName: json["name"]?.string ?? "", endpointID: json["endpoint"]?.string ?? "",
            interface: json["interface"]?.string ?? "")
        addresses = texts("addresses")
        macAddress = json["mac"]?.string ?? ""
        aliases = texts("aliases")
        isAttaching = json["attaching"]?.bool ?? false
        isPublishing = json["publishing"]?.bool ?? false
        boot = json["boot"]?.string
    }

    var json: JSONObject {
        let array = { (texts: [String]) in JSON.array(texts.map { .string($0) }) }
        var object: JSONObject = [
            "id": .string(containerID), "name": .string(containerName), "endpoint": .string(endpointID),
            "interface": .string(interface), "addresses": array(addresses), "mac": .string(macAddress),
            "aliases": array(aliases),
        ]
        if isAttaching { object["attaching"] = true }
        if isPublishing { object["publishing"] = true }
        object["boot"] = boot.map { .string($0) }
        return object
    }

    /// What a responder answers of it.
    var names: NameTable.Entry {
        let names = [containerName, String(containerID.prefix(12))] + aliases
        return NameTable.Entry(
            id: containerID, names: names.filter { !$0.isEmpty },
            addresses: addresses.compactMap { IPPrefix($0)?.address })
    }
}

extension NetworkFiles {
    private func file(_ id: String, _ network: String) -> String { "\(containers(network))/\(id).json" }

    /// The container's, where it is on the network.
    func held(_ id: String, _ network: String) throws(NetworkError) -> HeldAttachment? {
        try read(file(id, network)).flatMap { HeldAttachment($0) }
    }

    /// All of them. What does not bear a container's id is not ours.
    func held(_ network: String) throws(NetworkError) -> [HeldAttachment] {
        let path = containers(network)
        let names = try answering("list \(path)") { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: path) } ?? []
        }
        var found: [HeldAttachment] = []
        for name in names where name.hasSuffix(".json") && !name.hasPrefix(".") {
            // One that goes meanwhile is none.
            let entry = try read("\(path)/\(name)").flatMap { HeldAttachment($0) }
            if let entry, "\(entry.containerID).json" == name { found.append(entry) }
        }
        return found.sorted { ($0.containerName, $0.containerID) < ($1.containerName, $1.containerID) }
    }

    /// Under the lock.
    func write(_ entry: HeldAttachment, _ network: String) throws(NetworkError) {
        let directory = containers(network)
        let path = file(entry.containerID, network)
        let bytes = Array((JSON.object(entry.json).text + "\n").utf8)
        try answering("write \(path)") { () throws(KernelError) in
            do throws(KernelError) {
                do throws(KernelError) {
                    try Files.replace(path, with: bytes, temporary: "\(path).new")
                } catch  where error.errno == .noSuchFile {
                    try Files.makeDirectories(directory, mode: 0o700)
                    try Files.replace(path, with: bytes, temporary: "\(path).new")
                }
            } catch {
                rmdir(directory)
                throw error
            }
        }
    }

    /// Under the lock. A network that nobody is on has no directory.
    func removeHeld(_ id: String, _ network: String) throws(NetworkError) {
        try remove(file(id, network))
        // What a writer left that was killed.
        try remove(file(id, network) + ".new")
        rmdir(containers(network))
    }
}
