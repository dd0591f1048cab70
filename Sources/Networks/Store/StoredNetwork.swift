import CNI
import JSON
import NetCore

/// One network as the store knows it.
struct StoredNetwork: Sendable {
    enum Kind: Sendable, Hashable {
        /// Docker's default one, made by us.
        case standard
        /// `network create`.
        case created
        /// A list of /etc/cni/net.d.
        case foreign
        case host, none

        var isPredefined: Bool { self == .standard || self == .host || self == .none }
    }

    let kind: Kind
    let name: String
    let id: String
    /// The file of its list; empty for host and none.
    let file: String
    /// The list; empty for host and none.
    let list: JSONObject

    /// What Docker's API knows besides.
    var known: JSONObject { list["berth"]?.object ?? [:] }

    /// The first plugin's type, as Docker calls a driver.
    var driver: String {
        switch kind {
        case .host: "host"
        case .none: "null"
        default: main["type"]?.string ?? "cni"
        }
    }

    /// The plugin that makes the interface.
    var main: JSONObject { list["plugins"]?.array?.first?.object ?? [:] }
    var bridge: String? { driver == "bridge" ? main["bridge"]?.string ?? "cni0" : nil }
    var isInternal: Bool { known["internal"]?.bool ?? false }

    /// Of host-local: a subnet once, in the list's order, with its gateway.
    var subnets: [(subnet: IPPrefix, gateway: IPAddress?)] {
        let ipam = main["ipam"]?.object ?? [:]
        var ranges = (ipam["ranges"]?.array ?? []).flatMap { $0.array ?? [] }.compactMap(\.object)
        if ipam["subnet"] != nil { ranges.insert(ipam, at: 0) }
        var found: [(subnet: IPPrefix, gateway: IPAddress?)] = []
        for range in ranges {
            guard let subnet = range["subnet"]?.string.flatMap({ IPPrefix($0) }),
                !found.contains(where: { $0.subnet == subnet })
            else { continue }
            found.append((subnet, range["gateway"]?.string.flatMap { IPAddress($0) } ?? subnet.first.advanced(by: 1)))
        }
        return found
    }

    /// Docker's default bridge has no names, and of a foreign list nobody knows where a responder could listen.
    var hasNames: Bool { kind == .created && bridge != nil }

    /// Where names are answered: the gateways, which are the bridge's own addresses.
    var nameservers: [IPAddress] { hasNames ? subnets.compactMap(\.gateway) : [] }
}

extension StoredNetwork {
    /// The two that are no CNI lists; their ids stay the same for a root.
    static func builtIn(_ kind: Kind, root: String) -> StoredNetwork {
        let name = kind == .host ? "host" : "none"
        return StoredNetwork(
            kind: kind, name: name, id: Hex.text(Digest.sha256("berth network \(name) of \(root)")), file: "", list: [:]
        )
    }

    /// A list of an administrator's: its id derives from its name.
    static func foreign(_ found: ConfigurationDirectory.Found) -> StoredNetwork {
        StoredNetwork(
            kind: .foreign, name: found.list.name, id: Hex.text(Digest.sha256("cni network \(found.list.name)")),
            file: found.file, list: found.list.json)
    }
}
