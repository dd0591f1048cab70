public import CNI
import Glibc
import IPAM
import NetCore
import NetPlan

/// What berth knows of this host, as numbers for a monitoring system (`berth metrics`).
public struct HostMetrics: Sendable {
    public let families: [MetricFamily]

    /// OpenMetrics; its names and labels are a promise (docs/cli.md).
    public var text: String { MetricFamily.exposition(families) }

    /// Looks at the configured networks, their attachments and addresses, and the kernel, and with `doctor` at everything that
    /// is berth's; changes nothing. `environment` says where state, cache and plugins are. Throws E-PRIVILEGE for one who
    /// may not look.
    public init(of directories: LeaseDirectories, environment: Environment, doctor: Bool = false) throws(InspectError) {
        let start = HostMetrics.microseconds
        let state = environment.nonEmpty("BERTH_STATE_DIR").map { StateDirectory($0) } ?? StateDirectory()
        let cache = ResultCache(environment: environment)
        let status = try HostStatus(of: directories, environment: environment)
        let list = try AttachmentList(of: state, cache: cache)
        var families = HostMetrics.attachments(list, configured: status.networks.map(\.name))
        families += HostMetrics.addresses(status)
        // Where nftables cannot be used there is nothing to count, and the state of the table says why.
        if case .unusable = status.table {
        } else {
            families.append(
                HostMetrics.elements(
                    try asking { () throws(KernelError) in
                        var kernel = try LinuxKernel(state: state)
                        return try kernel.standingOwners()
                    }))
        }
        families += HostMetrics.host(status)
        if doctor {
            families.append(
                HostMetrics.findings(try Doctor(of: state, in: directories, cache: cache, fix: false).findings))
        }
        var duration = MetricFamily(
            "berth_collection_duration", "How long it took to collect these numbers.", unit: "seconds")
        duration.add(microseconds: HostMetrics.microseconds - start)
        self.families = families + [duration]
    }

    private static var microseconds: Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000 + now.tv_nsec / 1000
    }
}

extension HostMetrics {
    private typealias Label = MetricFamily.Label

    /// A network that is configured has every series, so that none vanishes with its last container.
    static func attachments(_ list: AttachmentList, configured: [String]) -> [MetricFamily] {
        var attachments = MetricFamily("berth_attachments", "Attachments of containers, by the state of their record.")
        var ports = MetricFamily("berth_published_ports", "Ports of this host that lead to containers.")
        let names = Set(configured + list.entries.map(\.attachment.network)).sorted()
        for name in names {
            let entries = list.entries.filter { $0.attachment.network == name }
            for state in ["done", "pending", "pending-delete"] {
                attachments.add(entries.count { $0.state == state }, Label("network", name), Label("state", state))
            }
            let published = entries.flatMap(\.ports)
            for family in AddressFamily.allCases {
                for proto in TransportProtocol.allCases {
                    let mine = published.filter { $0.family == family && $0.proto == proto.rawValue }
                    ports.add(
                        mine.reduce(0) { $0 + $1.count }, Label("network", name), Label("family", family.word),
                        Label("protocol", proto.rawValue))
                }
            }
        }
        return [attachments, ports]
    }

    static func addresses(_ status: HostStatus) -> [MetricFamily] {
        var total = MetricFamily("berth_range_addresses", "Addresses that a range set of host-local has in all.")
        var used = MetricFamily("berth_range_addresses_used", "Addresses of a range set that are leased.")
        var free = MetricFamily("berth_range_addresses_free", "Addresses of a range set that are left.")
        for network in status.networks {
            for pool in network.pools {
                let network = Label("network", network.name)
                let (set, range) = (Label("set", "\(pool.number)"), Label("range", pool.set.description))
                total.add(pool.total, network, set, range)
                used.add(pool.used, network, set, range)
                free.add(pool.free, network, set, range)
            }
        }
        return [total, used, free]
    }

    static func elements(_ owners: [StandingOwner]) -> MetricFamily {
        var family = MetricFamily(
            "berth_nftables_elements", "Elements of attachments that stand in the sets and maps of nftables.")
        let counts = Dictionary(owners.map { ($0.plugin, $0.elements) }, uniquingKeysWith: +)
        for plugin in BerthTable.owners { family.add(counts[plugin] ?? 0, Label("plugin", plugin)) }
        return family
    }

    static func host(_ status: HostStatus) -> [MetricFamily] {
        var ready = MetricFamily("berth_network_ready", "Whether a network could take a container now, by STATUS.")
        for network in status.networks { ready.add(network.isReady, Label("network", network.name)) }
        var files = MetricFamily("berth_unusable_network_files", "Files of networks that no engine can use.")
        files.add(status.warnings.count)
        var table = MetricFamily("berth_nftables_table", "The state of a table of nftables: 1 for the one it is in.")
        var differences = MetricFamily(
            "berth_nftables_table_differences", "What somebody changed in a table of nftables.")
        for (family, state) in [(NftFamily.inet, status.table), (.bridge, status.bridgeTable)] {
            for word in ["absent", "whole", "changed", "unusable"] {
                table.add(state.word == word, Label("family", family.rawValue), Label("state", word))
            }
            let count = if case .changed(_, let count) = state { count } else { 0 }
            differences.add(count, Label("family", family.rawValue))
        }
        var forwarding = MetricFamily("berth_forwarding", "Whether this host forwards packets.")
        for family in AddressFamily.allCases {
            if let isOn = status.forwarding[family] { forwarding.add(isOn, Label("family", family.word)) }
        }
        var drops = MetricFamily("berth_foreign_drops", "Chains of others that drop forwarded packets.")
        drops.add(status.drops.count)
        return [ready, files, table, differences, forwarding, drops]
    }

    static func findings(_ findings: [Doctor.Finding]) -> MetricFamily {
        var family = MetricFamily("berth_doctor_findings", "What berth doctor finds wrong.")
        for rule in Doctor.Rule.allCases {
            family.add(findings.count { $0.rule == rule }, Label("rule", rule.rawValue))
        }
        return family
    }
}

extension AddressFamily {
    fileprivate var word: String { "ipv\(rawValue)" }
}

extension AttachmentList.Port {
    /// Of "0.0.0.0:8000-8010/tcp", or "[::]:53/udp".
    fileprivate var family: AddressFamily { published.hasPrefix("[") ? .v6 : .v4 }
    fileprivate var proto: String { published.split(separator: "/").last.map(String.init) ?? "" }
    fileprivate var count: Int {
        let ports = published.prefix { $0 != "/" }.split(separator: ":").last ?? ""
        let numbers = ports.split(separator: "-").compactMap { Int($0) }
        return numbers.count == 2 ? numbers[1] - numbers[0] + 1 : 1
    }
}
