import CKernel
import Glibc

/// The frame that all nf_tables messages share (linux/netfilter/nf_tables.h).
enum NftMessage {
    /// A message of the nf_tables subsystem, for family inet unless told otherwise.
    static func make(
        _ operation: @escaping @autoclosure @Sendable () -> String, _ type: nf_tables_msg_types, _ flags: Int32,
        room: Int = 2048,
        family: Int32 = Int32(NFPROTO_INET), _ build: (inout AttributeWriter) -> Void = { _ in }
    ) throws(KernelError) -> NetlinkRequest {
        var header = nfgenmsg()
        header.nfgen_family = UInt8(family)
        header.version = UInt8(NFNETLINK_V0)
        return try NetlinkRequest(
            operation(), type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue), flags: flags, header: header,
            room: room, build)
    }

    static func putVerdict(_ writer: inout AttributeWriter, _ code: Int32, _ chain: String?) {
        writer.nest(Int(NFTA_DATA_VERDICT.rawValue)) {
            $0.put(Int(NFTA_VERDICT_CODE.rawValue), bigEndian: UInt32(bitPattern: code))
            if let chain { $0.put(Int(NFTA_VERDICT_CHAIN.rawValue), chain) }
        }
    }

    /// A comment as nft keeps it in user data: type 0, length with the final NUL, text.
    static func userData(_ comment: String) -> [UInt8] {
        let text = Array(comment.utf8.prefix(127)) + [0]
        return [0, UInt8(text.count)] + text
    }

    /// The comment in user data; nil when there is none.
    static func comment(_ data: ArraySlice<UInt8>) -> String? {
        var rest = data
        while rest.count >= 2 {
            let type = rest[rest.startIndex]
            let length = Int(rest[rest.startIndex + 1])
            let value = rest.dropFirst(2).prefix(length)
            guard value.count == length else { return nil }
            if type == 0 { return String(decoding: value.prefix { $0 != 0 }, as: UTF8.self) }
            rest = rest.dropFirst(2 + length)
        }
        return nil
    }
}
