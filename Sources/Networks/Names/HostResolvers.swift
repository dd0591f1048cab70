import Glibc
import NetCore

/// The resolvers of the host's /etc/resolv.conf (man 5 resolv.conf), as they are at the time.
struct HostResolvers {
    private var file: WatchedFile
    private var found: [IPAddress] = []

    init(_ path: String = "/etc/resolv.conf") { file = WatchedFile(path) }

    /// At most three, as the C library takes; never one of `own`, which would ask itself.
    mutating func servers(without own: [IPAddress]) -> [IPAddress] {
        if let bytes = file.change() { found = HostResolvers.read(bytes) }
        return Array(found.filter { !own.contains($0) }.prefix(3))
    }

    static func read(_ bytes: [UInt8]) -> [IPAddress] {
        bytes.split(separator: 0x0a).compactMap { line in
            let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
            guard words.count >= 2, words[0].elementsEqual("nameserver".utf8) else { return nil }
            return IPAddress(String(decoding: words[1], as: UTF8.self))
        }
    }
}
