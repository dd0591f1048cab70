import NetCore

/// One thing that a resource makes so, as the fake kernel keeps it.
struct FakeFact {
    let key: String
    let value: String
    /// The link, as "place name", without which it cannot be and with which it goes.
    var on: String?
    var tag: String?
    /// It must not stand before.
    var isNew = false
}

extension Resource {
    /// What stands when the resource holds; netfilter's part is in `NetfilterChanges`.
    var facts: [FakeFact] {
        switch self {
        case .bridge(let it):
            return [
                FakeFact(key: "link host \(it.name)", value: "bridge"),
                FakeFact(key: "sysctl host net/ipv6/conf/\(it.name)/accept_ra", value: "0", on: "host \(it.name)"),
            ]
        case .vethPair(let it):
            let master = it.master.map { FakeFact(key: "master of \(it.host)", value: "\($0)", on: "host \($0)") }
            return [
                FakeFact(
                    key: "link host \(it.host)", value: "cable to container \(it.container)", tag: it.alias, isNew: true
                ),
                FakeFact(key: "link container \(it.container)", value: "cable to host \(it.host)", isNew: true),
                FakeFact(key: "mtu of \(it.container)", value: "\(it.mtu ?? 1500)", on: "container \(it.container)"),
            ] + (master.map { [FakeFact(key: $0.key, value: $0.value, on: "host \(it.host)")] } ?? [])
        case .bridgePort(let it):
            let flags = [
                it.hairpin.map { "hairpin \($0)" }, it.isolated.map { "isolated \($0)" },
                it.learning.map { "learning \($0)" },
            ].compactMap { $0 }
            return flags.map {
                FakeFact(key: "port \(it.link) \($0.split(separator: " ")[0])", value: $0, on: "host \(it.link)")
            }
        case .knownAddress(let it):
            return [FakeFact(key: "fdb \(it.mac)", value: "\(it.port)", on: "host \(it.port)")]
        case .sysctl(let it): return [FakeFact(key: "sysctl \(it.place) \(it.path)", value: it.value, on: it.link)]
        case .address(let it):
            return [
                FakeFact(
                    key: "address \(it.place) \(it.link) \(it.prefix)", value: "present", on: "\(it.place) \(it.link)",
                    isNew: it.place == .container)
            ]
        case .linkUp(let it):
            return [FakeFact(key: "up \(it.place) \(it.link)", value: "up", on: "\(it.place) \(it.link)")]
        case .linkDown(let it):
            return [FakeFact(key: "up container \(it.link)", value: "down", on: "container \(it.link)")]
        case .route(let it): return [FakeFact(key: it.words, value: "present", on: "\(it.place) \(it.link)")]
        case .linkSettings(let it):
            return [FakeFact(key: "settings \(it.place) \(it.link)", value: it.words, on: "\(it.place) \(it.link)")]
        case .macvlan(let it):
            return [
                FakeFact(
                    key: "link container \(it.name)", value: "macvlan of \(it.master), \(it.mode)", tag: it.owner.alias,
                    isNew: true)
            ]
        case .functionalBlock(let it):
            return [FakeFact(key: "link host \(it.name)", value: "ifb", tag: it.alias, isNew: true)]
        case .tokenBucket(let it):
            return [FakeFact(key: "qdisc of \(it.link)", value: it.words, on: "host \(it.link)", isNew: true)]
        case .ingressRedirect(let it):
            return [FakeFact(key: "ingress of \(it.link)", value: it.words, on: "host \(it.link)", isNew: true)]
        case .forgottenNeighbour, .senderCheck, .masquerade, .portForward, .hairpin, .firewallMember, .isolation,
            .adminChain, .zoneSource:
            return []
        }
    }
}

extension SysctlSetting {
    /// The link that the parameter belongs to; nil for one of the whole namespace.
    fileprivate var link: String? {
        let parts = path.split(separator: "/")
        guard parts.count == 5, parts[2] == "conf", !["all", "default", "lo"].contains(parts[3]) else { return nil }
        return "\(place) \(parts[3])"
    }
}
