import JSON
import NetCore

/// Who is on a network: ROOT/networks/NAME.containers, by the container's id. Written under the store's lock.
struct HeldAttachments: Sendable {
    struct Entry: Sendable {
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

    var entries: [Entry] = []

    subscript(id: String) -> Entry? {
        get { entries.first { $0.containerID == id } }
        set {
            if let index = entries.firstIndex(where: { $0.containerID == id }) {
                if let newValue { entries[index] = newValue } else { entries.remove(at: index) }
            } else if let newValue {
                entries.append(newValue)
            }
        }
    }

    init(_ json: JSONObject?) {
        entries = (json?["containers"]?.array ?? []).compactMap { entry in
            guard let id = entry["id"]?.string else { return nil }
            let texts = { (key: String) in (entry[key]?.array ?? []).compactMap(\.string) }
            var found = Entry(
                containerID: id, containerName: entry["name"]?.string ?? "",
                endpointID: entry["endpoint"]?.string ?? "", interface: entry["interface"]?.string ?? "")
            found.addresses = texts("addresses")
            found.macAddress = entry["mac"]?.string ?? ""
            found.aliases = texts("aliases")
            found.isAttaching = entry["attaching"]?.bool ?? false
            found.isPublishing = entry["publishing"]?.bool ?? false
            found.boot = entry["boot"]?.string
            return found
        }
    }

    var json: JSONObject {
        let array = { (texts: [String]) in JSON.array(texts.map { .string($0) }) }
        return [
            "containers": .array(
                entries.map { entry in
                    var object: JSONObject = [
                        "id": .string(entry.containerID), "name": .string(entry.containerName),
                        "endpoint": .string(entry.endpointID), "interface": .string(entry.interface),
                        "addresses": array(entry.addresses), "mac": .string(entry.macAddress),
                        "aliases": array(entry.aliases),
                    ]
                    if entry.isAttaching { object["attaching"] = true }
                    if entry.isPublishing { object["publishing"] = true }
                    object["boot"] = entry.boot.map { .string($0) }
                    return .object(object)
                })
        ]
    }

    /// The names that a responder answers.
    func table(of network: StoredNetwork) -> NameTable {
        var table = NameTable()
        table.network = network.name
        table.subnets = network.subnets.map(\.subnet)
        table.forwards = !network.isInternal
        table.entries = entries.filter { !$0.isAttaching }.map { entry in
            let names = [entry.containerName, String(entry.containerID.prefix(12))] + entry.aliases
            return NameTable.Entry(
                id: entry.containerID, names: names.filter { !$0.isEmpty },
                addresses: entry.addresses.compactMap { IPPrefix($0)?.address })
        }
        return table
    }
}

extension NetworkFiles {
    func held(_ network: String) throws(NetworkError) -> HeldAttachments {
        HeldAttachments(try read(containers(network)))
    }

    /// Under the lock. A network that nobody is on has no file.
    func write(_ held: HeldAttachments, of network: String) throws(NetworkError) {
        if held.entries.isEmpty {
            try remove(containers(network))
        } else {
            try write(containers(network), held.json)
        }
    }
}
