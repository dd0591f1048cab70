import NetCore

/// The kernel's parameters that a node gets, each said aloud: a new network namespace takes some of them from the machine's
/// first one, and a distribution's defaults must not change what a lesson shows.
public enum NodeParameters {
    static let v4 = [
        ("rp_filter", "0"), ("accept_local", "0"), ("route_localnet", "0"), ("accept_redirects", "0"),
        ("send_redirects", "0"), ("proxy_arp", "0"), ("arp_ignore", "0"), ("arp_announce", "0"), ("log_martians", "0"),
        ("src_valid_mark", "0"),
    ]
    static let v6 = [
        ("disable_ipv6", "0"), ("accept_ra", "0"), ("autoconf", "0"), ("accept_dad", "0"), ("accept_redirects", "0"),
        ("addr_gen_mode", "0"), ("use_tempaddr", "0"),
    ]
    /// 1 in a new namespace where br_netfilter is in the kernel.
    static let bridge = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables"]

    /// In the order in which they are written: forwarding first, because it resets others. Before there are links but `lo`:
    /// these take over what `default` says.
    public static func of(_ node: NodeDescription) -> [NodeDescription.Parameter] {
        let forwards = node.forwards ? "1" : "0"
        var all: [NodeDescription.Parameter] = [
            .init("net/ipv4/ip_forward", forwards), .init("net/ipv6/conf/all/forwarding", forwards),
            .init("net/ipv6/conf/default/forwarding", forwards),
        ]
        for place in ["all", "default", "lo"] {
            all += v4.map { .init("net/ipv4/conf/\(place)/\($0.0)", $0.1) }
        }
        for place in ["default", "lo"] {
            all += v6.map { .init("net/ipv6/conf/\(place)/\($0.0)", $0.1) }
        }
        all += bridge.map { .init("net/bridge/\($0)", "0") }
        return all
    }

    /// Sets them in the calling thread's namespace; what this kernel does not have (IPv6, br_netfilter, one of the newer
    /// parameters) is passed over. Throws what the kernel said to a value.
    static func write(_ parameters: [NodeDescription.Parameter]) throws(KernelError) {
        for parameter in parameters {
            _ = try ignoring(.noSuchFile) { () throws(KernelError) in
                try Sysctl.write(parameter.path, parameter.value)
            }
        }
    }
}
