import CKernel
import NetCore

/// An event of iptables-legacy's tracing (nf_log at NFLOG group 0): a rule, a policy or a return, for one packet.
public struct LegacyTraceEvent: Hashable, Sendable {
    public var table: String
    public var chain: String
    /// "rule", "policy" or "return".
    public var kind: String
    /// The rule's place in the chain, from 1; of a policy one more than there are rules.
    public var position: Int
    /// NF_INET_*.
    public var hook: UInt8
    public var inputDevice: Int32?
    public var outputDevice: Int32?
    public var headers: PacketHeaders

    var isVersion6: Bool { headers.source.family == .v6 }
    /// Whose rule it is.
    var program: String { isVersion6 ? "ip6tables-legacy" : "iptables-legacy" }

    /// Nil when the message is no packet that TRACE logged.
    public init?(_ message: NetlinkReply) {
        // NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET; the attributes are NFULA_* (linux/netfilter/nfnetlink_log.h).
        guard message.type == 4 << 8 else { return nil }
        let attributes = message.attributes(after: 4)
        guard let prefix = attributes[type: 10]?.text, prefix.hasPrefix("TRACE: "),
            let packet = attributes[type: 9]?.payload, let headers = PacketHeaders(packet: packet),
            let start = attributes[type: 1]?.payload, start.count >= 3
        else { return nil }
        let parts = prefix.dropFirst(7).split { $0 == ":" || $0 == " " }.map(String.init)
        guard parts.count == 4, let position = Int(parts[3]) else { return nil }
        table = parts[0]
        chain = parts[1]
        kind = parts[2]
        self.position = position
        self.headers = headers
        hook = start[start.startIndex + 2]
        inputDevice = attributes[type: 4]?.bigEndian32.map { Int32(bitPattern: $0) }
        outputDevice = attributes[type: 5]?.bigEndian32.map { Int32(bitPattern: $0) }
    }

    /// The socket receives what group 0 logs, whole packets.
    static func bind(_ socket: inout NetlinkSocket) throws(KernelError) {
        var header = nfgenmsg()
        header.nfgen_family = 0
        // The group stands in res_id: 0.
        for (type, value) in [(1, [UInt8(1)]), (2, [0, 0, 0, 255, 2, 0])] {
            try socket.perform([
                NetlinkRequest(
                    "listen to NFLOG group 0", type: 4 << 8 | 1, flags: 0, header: header
                ) { $0.put(type, bytes: value) }
            ])
        }
    }
}

/// While it lives, TRACE of iptables-legacy goes to NFLOG in one namespace (net.netfilter.nf_log.2, and .10 for IPv6), where
/// it is silent else; then it is as before.
struct LegacyLogger {
    private static let wanted = "nfnetlink_log"
    /// Parameter and value, of those that were another one.
    private var before: [(parameter: String, value: String)] = []

    /// The families that have tables of iptables-legacy. The thread is inside the namespace.
    static func families() -> [AddressFamily] {
        [AddressFamily.v4, .v6].filter { family in
            let names = try? Files.read("/proc/thread-self/net/ip\(family == .v4 ? "" : "6")_tables_names")
            return names.map { !$0.isEmpty } ?? false
        }
    }

    /// The thread is inside the namespace.
    init(_ families: [AddressFamily]) throws(KernelError) {
        for family in families {
            let parameter = "net/netfilter/nf_log/\(family == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)"
            let value = try Sysctl.read(parameter)
            if value == LegacyLogger.wanted { continue }
            do throws(KernelError) {
                try Sysctl.write(parameter, LegacyLogger.wanted)
            } catch {
                try restore()
                throw error
            }
            before.append((parameter, value))
        }
    }

    /// The thread is inside the namespace.
    func restore() throws(KernelError) {
        for (parameter, value) in before { try Sysctl.write(parameter, value) }
    }
}
