import NetCore
import Testing

@testable import Trace

/// Messages that kernels sent, byte for byte, and what they are read as: Linux 6.18 with conntrack's part in trace events, 6.12
/// and 6.1, which have none, and 5.10 as far as it differs from them.
@Suite struct GoldenMessageTests {
    private static let all = Recorded.golden + Recorded.golden612 + Recorded.derived510

    /// All that is read of a message, in a line.
    private static func words(_ bytes: [UInt8]) -> [String] {
        NetlinkReply.list(bytes[...]).map { reply in
            if let event = NftTraceEvent(reply) {
                let mark = event.conntrack.map {
                    " ct \($0.id) \($0.state ?? "-") \($0.direction ?? "-") \($0.status.map { String($0, radix: 16) } ?? "-")"
                }
                return "trace \(event.family) \(event.table) \(event.chain) \(event.kind) #\(event.handle ?? 0) "
                    + "\(event.verdict.map(\.description) ?? "-") in \(event.inputDevice ?? 0) out \(event.outputDevice ?? 0) "
                    + (event.headers.map(packet) ?? "-") + (mark ?? "")
            }
            if let event = LegacyTraceEvent(reply) {
                return "log \(event.table) \(event.chain) \(event.kind) \(event.position) hook \(event.hook) "
                    + "in \(event.inputDevice ?? 0) out \(event.outputDevice ?? 0) \(packet(event.headers))"
            }
            if let event = ConntrackEvent(reply) {
                return
                    "flow \(event.kind) \(event.original.protocolNumber) \(event.original.words) \(event.reply.words) "
                    + "\(hexadecimal(event.id)) \(String(event.status, radix: 16))"
            }
            return "?"
        }
    }

    private static func packet(_ headers: PacketHeaders) -> String {
        "\(headers.from)>\(headers.to) \(headers.protocolNumber) ttl \(headers.ttl) len \(headers.length)"
    }

    @Test(arguments: all) func isReadAsItWas(_ kernel: String, _ hexadecimal: String, _ line: String) {
        #expect(Self.words(Recorded.bytes(hexadecimal)) == [line], "Linux \(kernel)")
    }

    /// What is derived is there, and is what it was derived from without the eight bytes of a timeout.
    @Test func derivedIsShorter() {
        let ends = Recorded.golden.filter { $0.0 == "6.1" && $0.2.hasPrefix("flow destroy") }
        #expect(Recorded.derived510.map(\.1.count) == ends.map { Recorded.bytes($0.1).count * 2 - 16 })
        #expect(Recorded.derived510.count == 1)
    }

    /// Whatever is cut off or turned round, nothing is read past the end.
    @Test(arguments: all) func brokenIsNoCrash(_ kernel: String, _ hexadecimal: String, _ line: String) {
        let whole = Recorded.bytes(hexadecimal)
        for place in whole.indices {
            for value: UInt8 in [0, 1, 3, 0x7f, 0xff] {
                var bytes = whole
                bytes[place] = value
                _ = Self.words(bytes)
            }
            _ = Self.words(Array(whole[..<place]))
        }
    }
}
