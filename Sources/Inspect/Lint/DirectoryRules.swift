import CNI
import IPAM
import NetCore

/// What is wrong among lists that are each sound.
struct DirectoryRules {
    private(set) var findings: [LintFinding] = []

    /// `directories` hold the paths of each directory's lists.
    init(_ networks: [LintNetwork], _ directories: [[String]]) {
        for (index, network) in networks.enumerated() {
            // Two directories may be two machines'.
            for other in networks[..<index] where other.directory == network.directory { compare(network, other) }
        }
        for files in directories {
            judgeDefaults(networks.filter { files.contains($0.file.path) })
        }
    }

    private mutating func compare(_ network: LintNetwork, _ other: LintNetwork) {
        guard network.name != other.name else {
            findings.append(
                network.file.finding(
                    .sameName, at: "name",
                    "network \"\(network.name)\" is also that of \(other.file.path): engines take one and never the other",
                    fix: "give one of them another name, or take its file away"))
            return
        }
        for own in NetworkRanges.of(network) {
            for their in NetworkRanges.of(other) {
                if let bridge = own.bridge, bridge == their.bridge {
                    compareOnOneBridge(bridge, own, their, other)
                } else if own.isGateway, their.isGateway {
                    compareApart(own, their, other)
                }
            }
        }
    }

    // MARK: - shared-bridge

    private mutating func compareOnOneBridge(
        _ bridge: String, _ own: NetworkRanges, _ their: NetworkRanges, _ other: LintNetwork
    ) {
        for range in own.ranges {
            if let twin = their.ranges.first(where: range.overlaps) {
                findings.append(
                    own.plugin.finding(
                        .sharedBridge, at: own.place(of: range),
                        "\(range) on bridge \(bridge) overlaps with \(twin) of network \"\(other.name)\": each keeps leases of its own, so that two containers get one address",
                        fix: "part the subnet by rangeStart and rangeEnd, or give one network another bridge and subnet"
                    ))
                return
            }
            guard own.isGateway, their.isGateway, range.family == .v4, !own.forcesAddress,
                let rival = their.ranges.first(where: { $0.family == .v4 && $0.subnet != range.subnet })
            else { continue }
            findings.append(
                own.plugin.finding(
                    .sharedBridge, at: "bridge",
                    "network \"\(other.name)\" has bridge \(bridge), too, with \(rival.subnet): whose container comes second is refused, for a bridge carries one IPv4 gateway",
                    fix: "give one of them another bridge"))
            return
        }
    }

    // MARK: - overlapping-networks

    private mutating func compareApart(_ own: NetworkRanges, _ their: NetworkRanges, _ other: LintNetwork) {
        for range in own.ranges {
            guard let twin = their.ranges.first(where: { $0.subnet.overlaps(range.subnet) }) else { continue }
            findings.append(
                own.plugin.finding(
                    .overlappingNetworks, at: own.place(of: range),
                    "\(range.subnet) overlaps with \(twin.subnet) of network \"\(other.name)\"\(their.bridge.map { " on bridge \($0)" } ?? ""): answers would go to one of the two",
                    fix: "give one of them another subnet"))
        }
    }

    // MARK: - two-defaults

    /// Container engines take the first file by name as the default network: two files of one number, or a shorter number
    /// behind a longer one, leave that to letters.
    private mutating func judgeDefaults(_ networks: [LintNetwork]) {
        guard let first = networks.first else { return }
        let number = first.file.path.leadingNumber
        for network in networks.dropFirst() {
            let own = network.file.path.leadingNumber
            let (name, chosen) = (network.file.path.lastComponent, first.file.path.lastComponent)
            if let own, own == number {
                add(
                    network,
                    "\(name) and \(chosen) both have the number \(own): by the letters \(chosen) is the default network"
                )
            } else if let own, let number, own < number {
                add(
                    network,
                    "\(name) has a lower number than \(chosen), and yet comes behind it by name: \(chosen) is the default network"
                )
            }
        }
    }

    private mutating func add(_ network: LintNetwork, _ reason: String) {
        findings.append(
            network.file.finding(
                .twoDefaults, at: "name", reason,
                fix: "number the files with equally many digits, the default network lowest"))
    }
}

extension String {
    /// Of a path's last component: 10 of "10-bridge.conflist"; nil without one.
    fileprivate var leadingNumber: Int? { Int(lastComponent.prefix { $0.isASCII && $0.isNumber }) }
}
