import Glibc
import JSON
import NetCore
import NetPlan

extension AttachmentRecord {
    /// What one plugin remembers.
    public struct Section: Hashable, Sendable {
        /// Written before the first effect, and done when the ADD has succeeded.
        public var isDone = false
        /// Nanoseconds since 1970.
        public var since: Int64
        public var keys: [NftElementKey] = []
        /// In which of iptables' tables the attachment's rules stand; nil for none.
        public var iptables: IptablesVariant?
        /// Values to be restored, addresses, ports: whatever the plugin needs.
        public var notes: JSONObject = [:]
        /// The configuration that ADD was called with, without the previous result: what a repair applies again.
        public var configuration: JSONObject = [:]

        public init(since: Int64) { self.since = since }
    }
}

extension AttachmentRecord.Section {
    /// Nanoseconds since 1970.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static let start = Array("{\"plugin\":\"".utf8)

    func line(of plugin: String) -> [UInt8] {
        let keys = keys.map { key in
            // Only another family than inet is told.
            let set = (key.family == .inet ? "" : "\(key.family) ") + key.set
            return JSON.array(
                [.string(set), .string(hexText(key.key))] + (key.keyEnd.map { [.string(hexText($0))] } ?? []))
        }
        var object: JSONObject = [
            "plugin": .string(plugin), "state": .string(isDone ? "done" : "pending"), "since": .integer(since),
            "keys": .array(keys), "notes": .object(notes), "configuration": .object(configuration),
        ]
        if let iptables { object["iptables"] = .string(iptables.rawValue) }
        return JSON.object(object).bytes
    }

    /// The plugin of a section's line, told without reading the rest; nil for another line.
    static func plugin(ofLine line: ArraySlice<UInt8>) -> String? {
        guard line.starts(with: start) else { return nil }
        let name = line.dropFirst(start.count).prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        return name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
    }

    init?(_ json: JSON) {
        guard let since = json["since"]?.integer, let keys = json["keys"]?.array else { return nil }
        self.since = since
        isDone = json["state"]?.string == "done"
        for key in keys {
            let parts = (key.array ?? []).compactMap(\.string)
            guard (2...3).contains(parts.count), parts.count == key.array?.count,
                let bytes = AttachmentRecord.Section.bytes(parts[1])
            else { return nil }
            var end: [UInt8]?
            if parts.count > 2 {
                end = AttachmentRecord.Section.bytes(parts[2])
                if end == nil { return nil }
            }
            let words = parts[0].split(separator: " ", maxSplits: 1)
            guard let set = words.last, let family = words.count < 2 ? .inet : NftFamily(rawValue: String(words[0]))
            else { return nil }
            self.keys.append(NftElementKey(family: family, set: String(set), key: bytes, keyEnd: end))
        }
        iptables = json["iptables"]?.string.flatMap(IptablesVariant.init(rawValue:))
        notes = json["notes"]?.object ?? [:]
        configuration = json["configuration"]?.object ?? [:]
    }

    private func hexText(_ bytes: [UInt8]) -> String { hex(bytes, digits: bytes.count * 2) }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        case 0x41...0x46: digit - 0x41 + 10
        default: nil
        }
    }
}
