public import CNI
import IPAM
import NATPlugin
public import NetCore
public import NetPlan

/// Whether this host's networks can take containers, and what stands in the way (`berth status`).
public struct HostStatus: Sendable {
    /// berth's table of nftables.
    public enum Table: Hashable, Sendable {
        /// The first ADD that needs it makes it.
        case absent
        case whole
        /// The first difference, and how many there are.
        case changed(String, Int)
        case unusable(String)
    }

    /// By their files' names, as engines find them.
    public let networks: [NetworkStatus]
    /// Which tables the host's `iptables` speaks to, and how that is known.
    public let iptables: IptablesVariant.Choice
    /// Files that no engine can use, a sentence each.
    public let warnings: [String]
    public let table: Table
    /// Its sibling for frames, which a list with `macspoofchk` needs.
    public let bridgeTable: Table
    /// Whether packets are forwarded; nil for a family that this kernel does not have.
    public let forwarding: [AddressFamily: Bool]
    /// Other people's chains that drop forwarded packets, a sentence each.
    public let drops: [String]

    /// All that was asked for is ready.
    public var isReady: Bool { networks.allSatisfy(\.isReady) && warnings.isEmpty }

    /// Looks at every configured network, or at one; changes nothing. `environment` says where state, cache and plugins are.
    /// Throws E-MISSING for a network that is not configured, E-PRIVILEGE for one who may not look.
    public init(
        of directories: LeaseDirectories, network: String? = nil, environment: Environment
    ) throws(InspectError) {
        let configured = directories.configured
        if let network, configured[network] == nil {
            let names = configured.networks.map(\.list.name).joined(separator: ", ")
            throw InspectError(
                .missing, "there is no network \"\(network)\"",
                cause: "\(configured.directory) has "
                    + (names.isEmpty ? "none" : names)
                    + (configured.warnings.isEmpty ? "" : "; " + configured.warnings.joined(separator: "; ")),
                fix: "name one of those, or none for all; NETCONFPATH is the directory")
        }
        let state = environment.nonEmpty("BERTH_STATE_DIR").map { StateDirectory($0) } ?? StateDirectory()
        let standing = try asking { () throws(KernelError) in
            try StandingAttachments(in: state, cache: ResultCache(environment: environment), network: network).all
        }
        var kernel = try asking { () throws(KernelError) in try LinuxKernel(state: state) }
        var networks: [NetworkStatus] = []
        for found in configured.networks where network == nil || found.list.name == network {
            let name = found.list.name
            let pools = try LeaseList(in: directories, network: name).pools.map(\.usage)
            networks.append(
                NetworkStatus(
                    found, attachments: standing.count { $0.attachment.network == name }, pools: pools,
                    environment: environment))
        }
        self.networks = networks
        iptables = IptablesVariant.ofHost()
        warnings = network == nil ? configured.warnings : []
        table = try HostStatus.table(.inet, &kernel)
        bridgeTable = try HostStatus.table(.bridge, &kernel)
        var forwarding: [AddressFamily: Bool] = [:]
        for family in AddressFamily.allCases {
            let isOn = try asking { () throws(KernelError) in
                try ignoring(.notSupported, .invalidArgument) { () throws(KernelError) in
                    try kernel.host.isForwarding(family)
                }
            }
            forwarding[family] = isOn.flatMap { $0 }
        }
        self.forwarding = forwarding
        drops =
            switch table {
            case .unusable: []
            default: try asking { () throws(KernelError) in try ForeignFirewall.findings(&kernel) }
            }
    }

    private static func table(_ family: NftFamily, _ kernel: inout LinuxKernel) throws(InspectError) -> Table {
        do throws(KernelError) {
            guard let findings = try kernel.tableFindings(family) else { return .absent }
            guard let first = findings.first else { return .whole }
            return .changed("\(first)", findings.count)
        } catch  where error.errno == .notPermitted || error.errno == .accessDenied {
            throw InspectError(error)
        } catch {
            return .unusable("\(error)")
        }
    }
}
