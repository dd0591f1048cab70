import NetCore

/// A published port, or a range: what arrives at a host address and port goes to a container's (destination NAT;
/// cni.md N-2). A range that keeps its numbers is one element; a shifted one is an element a port.
public struct PortForward: Hashable, Sendable {
    /// Nil: any address of the host.
    public let hostAddress: IPAddress?
    public let proto: TransportProtocol
    public let hostPorts: ClosedRange<UInt16>
    public let target: IPAddress
    /// Where the first host port leads; the others follow.
    public let targetPort: UInt16
    /// What a packet must fulfil besides (portmap's conditionsV4 and conditionsV6); only iptables knows them.
    public var conditions: IptablesRule?

    public init(
        hostAddress: IPAddress?, proto: TransportProtocol, hostPorts: ClosedRange<UInt16>, target: IPAddress,
        targetPort: UInt16, conditions: IptablesRule? = nil
    ) {
        self.conditions = conditions
        self.hostAddress = hostAddress
        self.proto = proto
        self.hostPorts = hostPorts
        self.target = target
        self.targetPort = targetPort
    }

    public var family: AddressFamily { target.family }

    /// "0.0.0.0:8080/tcp", as people write it.
    public var published: String { PortForward.text(hostAddress, family, hostPorts, proto) }

    static func text(
        _ address: IPAddress?, _ family: AddressFamily, _ ports: ClosedRange<UInt16>, _ proto: TransportProtocol
    ) -> String {
        let name = family == .v4 ? address?.description ?? "0.0.0.0" : "[\(address?.description ?? "::")]"
        let numbers = ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
        return "\(name):\(numbers)/\(proto)"
    }

    var words: String {
        let last = Int(targetPort) + hostPorts.count - 1
        let host = family == .v4 ? "\(target)" : "[\(target)]"
        return "\(published) leads to \(host):\(targetPort)" + (hostPorts.count > 1 ? "-\(last)" : "")
            + (conditions.map { " for packets of \($0.words.dropLast(2).joined(by: " "))" } ?? "")
    }

    func netfilter(_ owner: Owner) -> NetfilterChanges {
        let at: [NftField] = hostAddress.map { [.address($0)] } ?? []
        if hostPorts.count > 1, hostPorts.lowerBound == targetPort {
            let map = hostAddress == nil ? BerthTable.rangeAny(family) : BerthTable.rangeAddress(family)
            return NetfilterChanges(owned: [
                NftElement(
                    map, at + [.proto(proto), .port(hostPorts.lowerBound)],
                    to: at + [.proto(proto), .port(hostPorts.upperBound)],
                    .fields([.address(target)]), comment: owner.comment)
            ])
        }
        let map = hostAddress == nil ? BerthTable.forwardAny(family) : BerthTable.forwardAddress(family)
        return NetfilterChanges(
            owned: hostPorts.map { port in
                NftElement(
                    map, at + [.proto(proto), .port(port)],
                    .fields([.address(target), .port(targetPort + (port - hostPorts.lowerBound))]),
                    comment: owner.comment)
            })
    }
}
