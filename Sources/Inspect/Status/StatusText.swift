import IPAM
public import JSON
import NetCore

extension HostStatus {
    /// A line a network, what each one that is not ready lacks, and what they share.
    public var text: String {
        var text =
            networks.isEmpty
            ? "no networks\n"
            : TextTable.text(
                ["NETWORK", "READY", "PLUGINS", "BACKEND", "ATTACHMENTS", "FREE"],
                networks.map { network in
                    [
                        network.name, network.isReady ? "yes" : "no",
                        network.plugins.map(\.type).joined(separator: ","),
                        network.backends.map(\.word).joined(separator: ","),
                        "\(network.attachments)", network.pools.map(\.freeOfTotal).joined(separator: ","),
                    ]
                })
        for network in networks {
            for plugin in network.plugins {
                switch plugin.answer {
                case .ready: break
                case .notReady(let code, let reason):
                    text += "\(network.name): \(plugin.type) is not ready: \(reason) (code \(code))\n".visibleLine
                case .notAsked:
                    text +=
                        "\(network.name): \(plugin.type) was not asked: STATUS is of CNI 1.1.0, and \(plugin.file ?? "it") is not berth's\n"
                        .visibleLine
                }
            }
            if network.isHarmed { text += "  fix: berth repair --network \(network.name)\n" }
            if network.plugins.allSatisfy({ $0.answer == .notAsked }) {
                for pool in network.exhausted {
                    text += "\(network.name): no address is left in \(pool.set)\n"
                }
            }
        }
        for warning in warnings { text += "\(warning)\n".visibleLine }
        let families = AddressFamily.allCases.map { family in
            "IPv\(family.rawValue) \(forwarding[family].map { $0 ? "on" : "off" } ?? "not in this kernel")"
        }
        text += "\niptables is \(iptables.variant.rawValue): \(iptables.reason)"
        text += "\nnftables table inet berth: \(table.sentence)\n"
        // Few lists ask for it.
        if case .absent = bridgeTable {} else { text += "nftables table bridge berth: \(bridgeTable.sentence)\n" }
        text += "forwarding: \(families.joined(separator: ", "))\n"
        return text
            + (drops.isEmpty
                ? "foreign drops: none\n" : drops.map { "foreign drops: \($0)\n".visibleLine }.joined())
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        let flags = AddressFamily.allCases.map { ("ipv\($0.rawValue)", forwarding[$0].map { JSON.bool($0) } ?? .null) }
        return [
            "ready": .bool(isReady), "networks": .array(networks.map(\.json)),
            "iptables": ["variant": .string(iptables.variant.rawValue), "reason": .string(iptables.reason)],
            "warnings": .array(warnings.map { .string($0) }),
            "table": .object(table.json), "bridgeTable": .object(bridgeTable.json),
            "forwarding": .object(JSONObject(flags)),
            "foreignDrops": .array(drops.map { .string($0) }),
        ]
    }
}

extension NetworkStatus {
    fileprivate var json: JSON {
        [
            "network": .string(name), "file": .string(file), "ready": .bool(isReady),
            "backend": backends == [.none] ? .null : .string(backends.map(\.word).joined(separator: ",")),
            "attachments": .integer(Int64(attachments)),
            "ranges": .array(pools.map { .object($0.object()) }),
            "plugins": .array(
                plugins.map { plugin in
                    var object: JSONObject = ["type": .string(plugin.type)]
                    object["file"] = plugin.file.map { .string($0) }
                    object["own"] = .bool(plugin.isOwn)
                    switch plugin.answer {
                    case .ready: object["status"] = "ready"
                    case .notAsked: object["status"] = "not-asked"
                    case .notReady(let code, let reason):
                        object["status"] = "not-ready"
                        object["code"] = .integer(Int64(code))
                        object["reason"] = .string(reason)
                    }
                    return .object(object)
                }),
        ]
    }
}

extension NetworkStatus.Backend {
    fileprivate var word: String {
        switch self {
        case .nftables: "nftables"
        case .iptables(let variant): "iptables-\(variant.rawValue)"
        case .firewalld: "firewalld"
        case .none: "-"
        case .unknown: "unknown"
        }
    }
}

extension HostStatus.Table {
    /// In JSON and metrics.
    var word: String {
        switch self {
        case .absent: "absent"
        case .whole: "whole"
        case .changed: "changed"
        case .unusable: "unusable"
        }
    }

    fileprivate var sentence: String {
        switch self {
        case .absent: "not there; the first ADD that needs it makes it"
        case .whole: "whole"
        case .changed(let first, let count):
            "changed by somebody else: \(first)" + (count > 1 ? ", and \(count - 1) more" : "")
        case .unusable(let reason): "nftables cannot be used: \(reason)"
        }
    }

    fileprivate var json: JSONObject {
        var object: JSONObject = ["state": .string(word)]
        switch self {
        case .absent, .whole: break
        case .changed(let first, let count):
            object["reason"] = .string(first)
            object["differences"] = .integer(Int64(count))
        case .unusable(let reason): object["reason"] = .string(reason)
        }
        return object
    }
}

extension PoolUsage {
    /// "251/253"; of an IPv6 subnet nobody counts them.
    fileprivate var freeOfTotal: String { total > UInt128(UInt32.max) ? "plenty" : "\(free)/\(total)" }
}

extension String {
    /// `visible`, with the line's own end.
    fileprivate var visibleLine: String { String(dropLast()).visible + "\n" }
}
