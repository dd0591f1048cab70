import CKernel
import Glibc
import NetCore

/// The tracer's own tables in one namespace, `inet berth_trace_PID` and `bridge berth_trace_PID`. They bear the flag
/// owner: nobody else can delete them, and the kernel does when the socket closes, even by SIGKILL.
struct TraceTable {
    /// What the rule looks for.
    enum Match: Hashable, Sendable {
        /// A port of TCP, UDP or SCTP, as source or destination.
        case port(UInt16, protocolNumber: UInt8)
        /// The number of an echo.
        case echo(UInt16, protocolNumber: UInt8)
        /// The sequence number of a SYN, and what acknowledges it: no NAT changes them.
        case sequence(UInt32)
        /// The first eight bytes that a datagram or an echo carries.
        case marker([UInt8], protocolNumber: UInt8)
        /// TCP with any of these flags.
        case flags(UInt8)
        /// Whatever is of a protocol.
        case all(protocolNumber: UInt8)
        /// ICMP and ICMPv6 that tell of another packet.
        case errors
    }

    static let hooks = ["prerouting", "input", "forward", "output", "postrouting"]
    /// "forward" for NF_INET_FORWARD; "?" for no hook of IP or of a bridge.
    static func hookName(_ number: UInt32) -> String { number < 5 ? hooks[Int(number)] : "?" }
    /// After defragmentation (-400) and before raw (-300); and after everybody else.
    static let first: Int32 = -399
    static let last: Int32 = 1000
    static let families = [UInt8(NFPROTO_INET), UInt8(NFPROTO_BRIDGE)]

    let name: String

    init(pid: Int32) { name = "berth_trace_\(pid)" }

    /// Makes the table of `family` with all its chains; for those chains no packet is different from before.
    func install(_ socket: inout NetlinkSocket, family: UInt8) throws(KernelError) {
        var transaction = NftTransaction(table: name)
        try transaction.add(
            request("add table \(name)", NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family) { [name] in
                $0.put(Int(NFTA_TABLE_NAME.rawValue), name)
                $0.put(Int(NFTA_TABLE_FLAGS.rawValue), bigEndian: UInt32(2))  // NFT_TABLE_F_OWNER
            })
        for (number, hook) in TraceTable.hooks.enumerated() {
            for (prefix, priority) in [("first", TraceTable.first), ("last", TraceTable.last)] {
                try transaction.add(chain("\(prefix)_\(hook)", UInt32(number), priority, family))
            }
        }
        try socket.commit(transaction)
    }

    /// The table goes now; else it goes when its socket does.
    func remove(_ socket: inout NetlinkSocket, family: UInt8) throws(KernelError) {
        var transaction = NftTransaction(table: name)
        try transaction.add(
            request("delete table \(name)", NFT_MSG_DELTABLE, 0, family) { [name] in
                $0.put(Int(NFTA_TABLE_NAME.rawValue), name)
            })
        try socket.commit(transaction)
    }

    /// Packets that match are traced from now on, from whatever hook they come to first.
    func trace(_ matches: [Match], _ socket: inout NetlinkSocket, family: UInt8) throws(KernelError) {
        var transaction = NftTransaction(table: name)
        for hook in TraceTable.hooks {
            for match in matches {
                for place in TraceTable.places(match) { try transaction.add(rule("first_\(hook)", place, family)) }
            }
        }
        try socket.commit(transaction)
    }

    /// A protocol and bytes at a place of its header.
    struct Place: Hashable, Sendable {
        let protocolNumber: UInt8
        let offset: UInt32
        /// None: every packet of the protocol.
        let value: [UInt8]
        /// Any of these bits of the one byte there, instead of `value`.
        var bits: UInt8?
    }

    static func places(_ match: Match) -> [Place] {
        switch match {
        case .port(let port, let number):
            // An ICMP error has the packet that it is about at 8, whose ports stand 20 further on.
            [0, 2].map { Place(protocolNumber: number, offset: $0, value: bytes(port)) }
                + [28, 30].map { Place(protocolNumber: 1, offset: $0, value: bytes(port)) }
                + [48, 50].map { Place(protocolNumber: 58, offset: $0, value: bytes(port)) }
        case .echo(let id, let number):
            [4, number == 1 ? 32 : 52].map { Place(protocolNumber: number, offset: $0, value: bytes(id)) }
        case .sequence(let number):
            [
                Place(protocolNumber: 6, offset: 4, value: bytes(number)),
                Place(protocolNumber: 6, offset: 8, value: bytes(number &+ 1)),
                Place(protocolNumber: 1, offset: 32, value: bytes(number)),
                Place(protocolNumber: 58, offset: 52, value: bytes(number)),
            ]
        case .marker(let marker, let number): [Place(protocolNumber: number, offset: 8, value: marker)]
        case .flags(let flags): [Place(protocolNumber: 6, offset: 13, value: [0], bits: flags)]
        case .all(let number): [Place(protocolNumber: number, offset: 0, value: [])]
        case .errors:
            [3, 5, 11, 12].map { Place(protocolNumber: 1, offset: 0, value: [$0]) }
                + [1, 2, 3, 4].map { Place(protocolNumber: 58, offset: 0, value: [$0]) }
        }
    }

    private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private func chain(_ chain: String, _ hook: UInt32, _ priority: Int32, _ family: UInt8) throws(KernelError)
        -> NetlinkRequest
    {
        try request("add chain \(chain)", NFT_MSG_NEWCHAIN, NLM_F_CREATE, family) { [name] in
            $0.put(Int(NFTA_CHAIN_TABLE.rawValue), name)
            $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain)
            $0.nest(Int(NFTA_CHAIN_HOOK.rawValue)) {
                $0.put(Int(NFTA_HOOK_HOOKNUM.rawValue), bigEndian: hook)
                $0.put(Int(NFTA_HOOK_PRIORITY.rawValue), bigEndian: UInt32(bitPattern: priority))
            }
            $0.put(Int(NFTA_CHAIN_POLICY.rawValue), bigEndian: UInt32(NF_ACCEPT))
            $0.put(Int(NFTA_CHAIN_TYPE.rawValue), "filter")
        }
    }

    /// `meta l4proto P @th,OFFSET,16 VALUE meta nftrace set 1`. No `ct`: it would switch conntrack on.
    private func rule(_ chain: String, _ place: Place, _ family: UInt8) throws(KernelError) -> NetlinkRequest {
        try request("add rule to chain \(chain)", NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family) { [name] in
            $0.put(Int(NFTA_RULE_TABLE.rawValue), name)
            $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain)
            $0.nest(Int(NFTA_RULE_EXPRESSIONS.rawValue)) {
                let register = UInt32(NFT_REG_1.rawValue)
                TraceTable.expression(&$0, "meta") {
                    $0.put(Int(NFTA_META_KEY.rawValue), bigEndian: UInt32(NFT_META_L4PROTO.rawValue))
                    $0.put(Int(NFTA_META_DREG.rawValue), bigEndian: register)
                }
                TraceTable.compare(&$0, register, [place.protocolNumber])
                if !place.value.isEmpty { TraceTable.look(&$0, register, place) }
                TraceTable.expression(&$0, "immediate") {
                    $0.put(Int(NFTA_IMMEDIATE_DREG.rawValue), bigEndian: register)
                    $0.nest(Int(NFTA_IMMEDIATE_DATA.rawValue)) {
                        $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: [1])
                    }
                }
                TraceTable.expression(&$0, "meta") {
                    $0.put(Int(NFTA_META_KEY.rawValue), bigEndian: UInt32(NFT_META_NFTRACE.rawValue))
                    $0.put(Int(NFTA_META_SREG.rawValue), bigEndian: register)
                }
            }
        }
    }

    private static func look(_ writer: inout AttributeWriter, _ register: UInt32, _ place: Place) {
        expression(&writer, "payload") {
            $0.put(Int(NFTA_PAYLOAD_DREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_PAYLOAD_BASE.rawValue), bigEndian: UInt32(NFT_PAYLOAD_TRANSPORT_HEADER.rawValue))
            $0.put(Int(NFTA_PAYLOAD_OFFSET.rawValue), bigEndian: place.offset)
            $0.put(Int(NFTA_PAYLOAD_LEN.rawValue), bigEndian: UInt32(place.value.count))
        }
        guard let bits = place.bits else { return compare(&writer, register, place.value) }
        expression(&writer, "bitwise") {
            $0.put(Int(NFTA_BITWISE_SREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_BITWISE_DREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_BITWISE_LEN.rawValue), bigEndian: UInt32(1))
            $0.nest(Int(NFTA_BITWISE_MASK.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: [bits]) }
            $0.nest(Int(NFTA_BITWISE_XOR.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: [0]) }
        }
        compare(&writer, register, place.value, NFT_CMP_NEQ)
    }

    private static func expression(
        _ writer: inout AttributeWriter, _ name: String, _ data: (inout AttributeWriter) -> Void
    ) {
        writer.nest(Int(NFTA_LIST_ELEM.rawValue)) {
            $0.put(Int(NFTA_EXPR_NAME.rawValue), name)
            $0.nest(Int(NFTA_EXPR_DATA.rawValue), data)
        }
    }

    private static func compare(
        _ writer: inout AttributeWriter, _ register: UInt32, _ value: [UInt8], _ operation: nft_cmp_ops = NFT_CMP_EQ
    ) {
        expression(&writer, "cmp") {
            $0.put(Int(NFTA_CMP_SREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_CMP_OP.rawValue), bigEndian: UInt32(operation.rawValue))
            $0.nest(Int(NFTA_CMP_DATA.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: value) }
        }
    }

    private func request(
        _ operation: @escaping @autoclosure @Sendable () -> String, _ type: nf_tables_msg_types, _ flags: Int32,
        _ family: UInt8, _ build: (inout AttributeWriter) -> Void
    ) throws(KernelError) -> NetlinkRequest {
        var header = nfgenmsg()
        header.nfgen_family = family
        return try NetlinkRequest(
            operation(), type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue), flags: flags, header: header, build)
    }
}
