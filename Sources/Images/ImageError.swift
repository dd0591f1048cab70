import Glibc
import NetCore

/// What went wrong with an image, as Docker's API tells it: `status` is an HTTP status code (400, 404, 409, 500, 507).
public struct ImageError: Error, CustomStringConvertible {
    public let status: Int
    public let description: String
    public init(_ status: Int, _ description: String) {
        self.status = status
        self.description = description
    }

    /// What the kernel said: 507 when there is no room, else 500.
    init(_ error: KernelError) {
        switch error.errno.rawValue {
        case ENOSPC, EDQUOT:
            self.init(
                507, "\(error.operation): no room is left on the disk: free some, or remove images (docker image prune)"
            )
        default: self.init(500, error.description)
        }
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
