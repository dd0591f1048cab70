import CKernel
import Glibc
import NetCore

/// The parameters below /proc/sys/net that a lesson may be about, as lines "PATH=VALUE".
struct ParameterState: Hashable {
    /// As read: equal bytes, equal parameters.
    private(set) var bytes: [UInt8] = []

    static let single = [
        "net/ipv4/ip_forward", "net/ipv4/ip_nonlocal_bind", "net/ipv4/ip_default_ttl",
        "net/ipv4/icmp_echo_ignore_all", "net/ipv4/icmp_echo_ignore_broadcasts", "net/ipv4/ip_no_pmtu_disc",
        "net/ipv4/ip_local_port_range", "net/ipv4/ip_local_reserved_ports", "net/ipv4/ip_unprivileged_port_start",
        "net/ipv4/ping_group_range",
        "net/ipv4/tcp_mtu_probing", "net/ipv4/fwmark_reflect", "net/ipv4/tcp_fwmark_accept",
        "net/ipv6/bindv6only", "net/ipv6/ip_nonlocal_bind",
        "net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables",
        "net/bridge/bridge-nf-call-arptables", "net/bridge/bridge-nf-filter-vlan-tagged",
        "net/bridge/bridge-nf-filter-pppoe-tagged", "net/bridge/bridge-nf-pass-vlan-input-dev",
    ]
    // These tell nothing that could be written.
    private static let passedOver: Set<String> = ["stable_secret", "mc_forwarding"]

    /// Of the thread's namespace.
    static func read() -> ParameterState {
        var state = ParameterState()
        for path in single { state.add(path) }
        for family in ["ipv4", "ipv6"] {
            let links = ((try? Files.names(in: "/proc/sys/net/\(family)/conf")) ?? []).sorted()
            let names = ((try? Files.names(in: "/proc/sys/net/\(family)/conf/all")) ?? []).sorted()
            for link in links {
                for name in names where !passedOver.contains(name) { state.add("net/\(family)/conf/\(link)/\(name)") }
            }
        }
        let tracked = ((try? Files.names(in: "/proc/sys/net/netfilter")) ?? []).sorted()
        for name in tracked
        where name.hasPrefix("nf_conntrack_") && !["nf_conntrack_count", "nf_conntrack_buckets"].contains(name) {
            state.add("net/netfilter/\(name)")
        }
        return state
    }

    private mutating func add(_ path: String) {
        let file = berth_open_cloexec("/proc/sys/\(path)", O_RDONLY, 0)
        guard file >= 0 else { return }
        defer { close(file) }
        let count = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { room in
            let count = Glibc.read(file, room.baseAddress, room.count)
            if count > 0 {
                bytes += path.utf8
                bytes.append(UInt8(ascii: "="))
                bytes += room[..<count]
            }
            return count
        }
        if count > 0, bytes.last != 0x0a { bytes.append(0x0a) }
    }

    /// In the order in which they are written: what writes others comes first.
    var values: [(path: String, value: String)] {
        bytes.split(separator: 0x0a).compactMap { line in
            guard let sign = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            return (
                String(decoding: line[..<sign], as: UTF8.self), String(decoding: line[(sign + 1)...], as: UTF8.self)
            )
        }
    }

    /// What `other` has otherwise: path, the value here, the value there. Parameters that only one has go with their links.
    func differences(_ other: ParameterState) -> [(path: String, here: String, there: String)] {
        guard bytes != other.bytes else { return [] }
        let there = Dictionary(other.values.map { ($0.path, $0.value) }, uniquingKeysWith: { $1 })
        return values.compactMap { path, value in
            guard let other = there[path], other != value else { return nil }
            return (path, value, other)
        }
    }

    /// The thread's namespace has these values. What follows from another parameter is right after the second round.
    func restore() -> [KernelError] {
        var refused: [KernelError] = []
        for _ in 0..<3 {
            let open = differences(ParameterState.read())
            guard !open.isEmpty else { return [] }
            refused = []
            for one in open {
                // Nothing written is nothing changed: a list is emptied by an empty line.
                let value = one.here.isEmpty ? "\n" : one.here
                do throws(KernelError) { try Sysctl.write(one.path, value) } catch { refused.append(error) }
            }
        }
        return refused
    }
}
