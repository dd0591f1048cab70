import NetCore

/// The keys that plugins read, for who looks for the others. A test holds them against the pages of docs/plugins.
enum KnownKeys {
    /// Of every plugin (cni.md 1.4).
    static let common = [
        "cniVersion", "name", "type", "capabilities", "args", "runtimeConfig", "prevResult", "dns", "ipam",
    ]

    static let plugins: [String: [String]] = [
        "bandwidth": [
            "ingressRate", "ingressBurst", "egressRate", "egressBurst", "shapedSubnets", "unshapedSubnets",
        ],
        "bridge": [
            "bridge", "isGateway", "isDefaultGateway", "forceAddress", "ipMasq", "ipMasqBackend", "snatTo",
            "fullyRandom", "noMasqTo", "mtu", "hairpinMode", "promiscMode", "enabledad", "removeEmptyBridge", "vlan",
            "vlanTrunk", "preserveDefaultVlan", "macspoofchk", "portIsolation", "disableContainerInterface",
        ],
        "firewall": [
            "ingressPolicy", "publishedAcrossNetworks", "iptablesAdminChainName", "firewalldZone", "backend",
        ],
        "loopback": [],
        "macvlan": ["master", "mode", "mtu", "mac", "linkInContainer", "bcqueuelen"],
        "portmap": [
            "snat", "masqAll", "hostSockets", "backend", "markMasqBit", "externalSetMarkChain", "conditionsV4",
            "conditionsV6", "localhostRelay",
        ],
        "ptp": ["ipMasq", "ipMasqBackend", "snatTo", "fullyRandom", "noMasqTo", "mtu"],
        "tuning": ["sysctl", "mac", "mtu", "promisc", "allmulti", "txQLen", "dataDir"],
    ]

    static let range = ["subnet", "rangeStart", "rangeEnd", "gateway"]
    static let address = ["address", "gateway"]

    /// Of the plugins that give addresses, within `ipam`.
    static let addressing: [String: [String]] = [
        "host-local": ["type", "ranges", "routes", "dataDir", "resolvConf"] + range,
        "static": ["type", "addresses", "routes", "dns"],
    ]

    /// What each plugin itself does with runtimeConfig.
    static let capabilities: [String: [String]] = [
        "bandwidth": ["bandwidth"], "bridge": ["mac", "dns"], "firewall": [], "loopback": [],
        "macvlan": ["mac", "dns"],
        "portmap": ["portMappings"],
        "ptp": ["mac", "dns"], "tuning": ["mac"],
    ]

    /// What those that give addresses do with it, which get the whole configuration; "" where there is none.
    static let addressingCapabilities: [String: [String]] = [
        "": [], "host-local": ["ips", "ipRanges"], "static": ["ips"],
    ]

    /// Keys with a prefix are an engine's own ("cni.dev/…", "nerdctl/…"); "_comment" is a habit.
    static func isSomebodyElses(_ key: String) -> Bool {
        key.contains("/") || key.contains(".") || key.hasPrefix("_") || key.hasPrefix("#")
    }

    /// The word of `known` that was most likely meant: equal but for upper case, or at most two letters away.
    static func nearest(_ word: String, _ known: [String]) -> String? {
        let near = known.map { (word: $0, distance: Spelling.distance(word.lowercased(), $0.lowercased())) }
            .min { $0.distance < $1.distance }
        guard let near, near.distance <= min(2, word.count / 3) else { return nil }
        return near.word
    }
}
