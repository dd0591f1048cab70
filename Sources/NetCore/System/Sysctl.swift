import CKernel
import Glibc

/// Kernel parameters of the calling thread's network namespace (`/proc/sys/net`, man 5 proc).
public enum Sysctl {
    /// "net/ipv4/ip_forward" for this name or the one with dots; nil when the name leaves /proc/sys/net or has an empty
    /// or ".." part.
    public static func path(_ name: String) -> String? {
        let separator = separator(of: name)
        // With dots a link's own dots are written as slashes (man 8 sysctl): swap them.
        let parts = name.split(separator: separator, omittingEmptySubsequences: false).map { part in
            separator == "/" ? String(part) : String(part.map { $0 == "/" ? "." : $0 })
        }
        guard parts.count >= 2, parts[0] == "net", !name.utf8.contains(0),
            parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
        else { return nil }
        return parts.joined(by: "/")
    }

    /// The first of "." and "/" separates; the other is then part of a name (man 8 sysctl).
    public static func separator(of name: String) -> Character { name.first { $0 == "." || $0 == "/" } ?? "." }

    /// The value without the final newline. Throws what the kernel said.
    public static func read(_ path: String) throws(KernelError) -> String {
        let file = try open(path, O_RDONLY, "read sysctl \(path)")
        let bytes = try Files.read(file.number, limit: 65536, operation: "read sysctl \(path)")
        var end = bytes.count
        while end > 0, bytes[end - 1] == 0x0a { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }

    /// The parameter has that value (`sysctl -w`). Throws EINVAL for a value that the kernel refuses.
    public static func write(_ path: String, _ value: String) throws(KernelError) {
        let file = try open(path, O_WRONLY, "set sysctl \(path) to \(value)")
        try Files.write(Array(value.utf8), to: file.number, operation: "set sysctl \(path) to \(value)")
    }

    private static func open(
        _ path: String, _ flags: Int32, _ operation: @autoclosure () -> String
    ) throws(KernelError) -> OwnedDescriptor {
        do {
            return try OwnedDescriptor(open: "/proc/sys/\(path)", flags)
        } catch {
            throw KernelError(operation(), error.errno)
        }
    }
}
