import Glibc
import NetCore

/// What went wrong with an image, as Docker's API tells it: `status` is an HTTP status code (400, 404, 409, 500).
public struct ImageError: Error, CustomStringConvertible {
    public let status: Int
    public let description: String
    /// The disk has no room for what was to be made.
    let isFull: Bool
    public init(_ status: Int, _ description: String) { self.init(status, description, isFull: false) }

    init(_ status: Int, _ description: String, isFull: Bool) {
        self.status = status
        self.description = description
        self.isFull = isFull
    }

    /// What the kernel said; and of a disk without room how to get some.
    init(_ error: KernelError) {
        let isFull = error.errno.isFull
        let mending = "free some room there, or remove images (docker image prune)"
        self.init(
            500, isFull ? "\(error.operation): \(error.errno): \(mending)" : error.description, isFull: isFull)
    }
}

/// The body's value; what the kernel says to it becomes an ImageError.
func kernel<R: ~Copyable>(_ body: () throws(KernelError) -> R) throws(ImageError) -> R {
    do throws(KernelError) { return try body() } catch { throw ImageError(error) }
}

/// As NetCore's check().
@discardableResult
func attempt(_ operation: @autoclosure () -> String, _ call: () -> Int32) throws(ImageError) -> Int32 {
    do throws(KernelError) { return try check(operation(), call) } catch { throw ImageError(error) }
}

/// A file's name or path: bytes, as the kernel has them.
typealias Name = [UInt8]

extension [UInt8] {
    init(text: String) { self = Array(text.utf8) }

    /// With the NUL that the kernel wants.
    var terminated: [UInt8] { self + [0] }

    /// For an error: control characters are written as \xNN.
    var shown: String {
        var text = ""
        for scalar in String(decoding: prefix(300), as: UTF8.self).unicodeScalars {
            if scalar.value < 0x20 || scalar.value == 0x7f {
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return count > 300 ? text + "…" : text
    }
}
