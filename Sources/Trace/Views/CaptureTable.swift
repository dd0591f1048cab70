import NetCore

/// The packets of a pcapng file, a line each: when, at which device of which node, which way, what, and what was said of it.
public struct CaptureTable {
    let file: PcapngReader

    public init(_ file: PcapngReader) { self.file = file }

    /// Lines, each with its end. What a file says of itself is printed without control characters.
    public var text: String {
        var rows = [["TIME", "NODE", "DEVICE", "WAY", "PACKET"]]
        var comments: [[String]] = [[]]
        let start = file.packets.lazy.compactMap(\.time).min()
        for packet in file.packets {
            let interface = file.interfaces[packet.interface]
            rows.append([
                CaptureTable.time(packet.time, since: start), CaptureTable.plain(CaptureTable.node(interface)),
                CaptureTable.plain(interface.name ?? "#\(packet.interface)"),
                packet.direction == .inbound ? "in" : packet.direction == .outbound ? "out" : "",
                CaptureTable.words(packet, interface.linkType),
            ])
            comments.append(packet.comments.flatMap { $0.split(separator: "\n").map(String.init) })
        }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = ""
        for (place, row) in rows.enumerated() {
            for column in 0..<4 {
                lines += row[column] + String(repeating: " ", count: widths[column] - row[column].count + 2)
            }
            lines += row[4] + "\n"
            let indent = String(repeating: " ", count: widths.reduce(0, +) + 8)
            for comment in comments[place] { lines += "\(indent)  \(CaptureTable.plain(comment))\n" }
        }
        return lines
    }

    /// What berth writes as description: "node host".
    private static func node(_ interface: PcapngReader.Interface) -> String {
        guard let text = interface.description, text.hasPrefix("node ") else { return "-" }
        return String(text.dropFirst(5))
    }

    /// Seconds since the first packet.
    private static func time(_ time: Int64?, since start: Int64?) -> String {
        guard let time, let start else { return "-" }
        let (difference, isOver) = time.subtractingReportingOverflow(start)
        guard !isOver else { return "-" }
        let text = String(difference / 1000 % 1_000_000)
        return "\(difference / 1_000_000_000)." + String(repeating: "0", count: max(0, 6 - text.count)) + text
    }

    private static func words(_ packet: PcapngReader.Packet, _ linkType: UInt16) -> String {
        var bytes = packet.bytes[...]
        let kind: PcapngWriter.LinkType
        switch linkType {
        case 1: kind = .ethernet
        case 101, 228, 229: kind = .raw
        case 113 where bytes.count >= 16, 276 where bytes.count >= 20:
            // Linux's cooked captures, as tcpdump -i any makes them: the protocol, and then its header.
            let place = linkType == 113 ? 14 : 0
            let type = UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
            bytes = bytes.dropFirst(linkType == 113 ? 16 : 20)
            guard type == 0x0800 || type == 0x86dd else { return "type 0x" + String(type, radix: 16) }
            kind = .raw
        default: return "\(packet.length) bytes of link type \(linkType)"
        }
        let frame = Frame(
            kind: 0, device: 0, time: 0, bytes: Array(bytes), length: packet.length, linkType: kind)
        return frame.words
    }

    private static func plain(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 32 || (127..<160).contains($0.value) ? "?" : $0 }))
    }
}
