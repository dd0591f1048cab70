/// What Linux 5.10 sends, which nobody could record here: messages of 6.1 without what later kernels added. Of trace events
/// (conntrack's part came with 6.16, commit 7e5c6aa67e6f) and NFLOG it sends the same attributes; a flow's end tells its timeout
/// since 5.11 (commit 86d21fc74745).
extension Recorded {
    static let derived510: [(String, String, String)] = golden.compactMap { kernel, hexadecimal, line in
        guard kernel == "6.1", line.hasPrefix("flow destroy") else { return nil }
        // CTA_TIMEOUT.
        let derived = without(7, bytes(hexadecimal))
        return ("5.10, derived from 6.1", derived.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(), line)
    }

    /// A message of nfnetlink without that attribute of its own level.
    private static func without(_ type: Int, _ message: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        // Behind struct nlmsghdr and struct nfgenmsg.
        var place = 20
        while place + 4 <= message.count {
            let next = place + (Int(message[place]) + 3) & ~3
            if Int(message[place + 2]) & 0x3f != type { kept += message[place..<next] }
            place = next
        }
        return [UInt8(20 + kept.count), 0, 0, 0] + message[4..<20] + kept
    }
}
