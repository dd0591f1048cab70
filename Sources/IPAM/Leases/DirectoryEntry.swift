import Glibc
import NetCore

/// A name in a directory with its inode's number, as long as the next one is not read.
struct DirectoryEntry {
    private let bytes: UnsafePointer<CChar>
    let inode: UInt64

    var name: String { String(cString: bytes) }

    /// The IPv4 address that the name is, written as `IPAddress` writes it; nil of any other name. (Of a thousand names the general
    /// way takes 0.3 ms.)
    var plainAddress: IPAddress? {
        var (value, part, digits, dots) = (UInt32(0), UInt32(0), 0, 0)
        var next = bytes
        while true {
            let byte = UInt8(bitPattern: next.pointee)
            next += 1
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard digits == 0 || part != 0 else { return nil }
                part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                guard part <= 255 else { return nil }
            case UInt8(ascii: "."), 0:
                guard digits > 0 else { return nil }
                value = value << 8 | part
                if byte == 0 { return dots == 3 ? IPAddress(family: .v4, value: UInt128(value)) : nil }
                guard dots < 3 else { return nil }
                (part, digits, dots) = (0, 0, dots + 1)
            default: return nil
            }
        }
    }

    /// Hands every name of a directory but "." and ".." to `body`, in the kernel's order (man 3 readdir): nothing is opened.
    static func forEach(in path: String, _ body: (DirectoryEntry) -> Void) throws(KernelError) {
        guard let handle = opendir(path) else { throw KernelError("list \(path)", .current) }
        defer { closedir(handle) }
        while true {
            errno = 0
            guard let entry = readdir(handle) else {
                let code = Errno.current
                if code.rawValue != 0 { throw KernelError("list \(path)", code) }
                return
            }
            withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { bytes in
                    if isDots(bytes) { return }
                    body(DirectoryEntry(bytes: bytes, inode: UInt64(entry.pointee.d_ino)))
                }
            }
        }
    }

    /// "." or ".."
    private static func isDots(_ bytes: UnsafePointer<CChar>) -> Bool {
        let dot = CChar(bitPattern: UInt8(ascii: "."))
        return bytes[0] == dot && (bytes[1] == 0 || bytes[1] == dot && bytes[2] == 0)
    }
}
