import NetCore

/// A container's address as a source of one of firewalld's zones, in firewalld's runtime configuration: what the zone's
/// target and rules say holds for the container (man 5 firewalld.zone, cni.md 2.6).
public struct ZoneSource: Hashable, Sendable {
    public let address: IPAddress
    public let zone: String

    public init(address: IPAddress, zone: String) {
        self.address = address
        self.zone = zone
    }

    /// As the reference plugin spells it, so that each takes over the other's: "10.88.0.2/32".
    public var binding: FirewalldBinding {
        FirewalldBinding(zone: zone, source: IPPrefix(host: address).description)
    }

    var words: String { "\(IPPrefix(host: address)) is a source of firewalld's zone \(zone)" }

    func commands(_ shell: ShellWriter) -> [String] {
        ["firewall-cmd --zone=\(ShellWriter.word(zone)) --add-source=\(IPPrefix(host: address))"]
    }
}

/// A source of a zone as firewalld has it: an address, a subnet, a MAC address or a set, in anybody's spelling.
public struct FirewalldBinding: Hashable, Sendable {
    public let zone: String
    public let source: String

    public init(zone: String, source: String) {
        self.zone = zone
        self.source = source
    }

    /// Nil where it is more, or something else, than one address. firewalld compares sources by their text.
    public var address: IPAddress? {
        if let address = IPAddress(source) { return address }
        guard let prefix = IPPrefix(source), prefix.length == prefix.family.bits else { return nil }
        return prefix.address
    }
}
