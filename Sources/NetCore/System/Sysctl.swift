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
        return try read(path, from: file.number)
    }

    /// As above, from a file that is open.
    public static func read(_ path: String, from descriptor: Int32) throws(KernelError) -> String {
        let bytes = try Files.read(descriptor, limit: 65536, operation: "read sysctl \(path)")
        var end = bytes.count
        while end > 0, bytes[end - 1] == 0x0a { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }

    /// The parameter has that value (`sysctl -w`). Throws EINVAL for a value that the kernel refuses.
    public static func write(_ path: String, _ value: String) throws(KernelError) {
        let file = try open(path, O_WRONLY, "set sysctl \(path) to \(value)")
        try write(path, value, to: file.number)
    }

    /// As above, to a file that is open, whatever was read from it.
    public static func write(_ path: String, _ value: String, to descriptor: Int32) throws(KernelError) {
        let bytes = Array(value.utf8)
        // A parameter takes its value in one piece, at its beginning (sysctl_writes_strict).
        try check("set sysctl \(path) to \(value)") { pwrite(descriptor, bytes, bytes.count, 0) }
    }

    /// The parameter's file, for reading and writing; it is the caller's to close.
    public static func open(_ path: String) throws(KernelError) -> Int32 {
        try open(path, O_RDWR, "open sysctl \(path)").release()
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
