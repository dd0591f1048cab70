import CNI
import NetCore

/// A file like /etc/resolv.conf (man 5 resolv.conf) as a result's `dns`.
enum ResolverFile {
    /// The last `domain` counts; the others add up. Throws what the kernel says of the file.
    static func read(_ path: String) throws(KernelError) -> CNIResult.DNS {
        parse(try Files.read(path, limit: 1 << 20))
    }

    /// Lines without a value, comments and other keywords are passed over.
    static func parse(_ bytes: [UInt8]) -> CNIResult.DNS {
        var dns = CNIResult.DNS()
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split { $0 == 0x20 || (0x09...0x0d).contains($0) }
                .map { String(decoding: $0, as: UTF8.self) }
            guard let keyword = fields.first, fields.count > 1 else { continue }
            switch keyword {
            case "nameserver": dns.nameservers.append(fields[1])
            case "domain": dns.domain = fields[1]
            case "search": dns.search += fields[1...]
            case "options": dns.options += fields[1...]
            default: break
            }
        }
        return dns
    }
}
