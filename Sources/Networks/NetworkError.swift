import CNI
import JSON
import NetCore

/// What went wrong with a network, as Docker's API tells it: `status` is an HTTP status code (400, 403, 404, 409, 500).
public struct NetworkError: Error, CustomStringConvertible, Sendable {
    public let status: Int
    public let description: String
    /// An attachment failed and could not be undone: it is there still, and has to be detached.
    public let isHalfMade: Bool
    /// The disk has no room: what was to be written is as before.
    let isFull: Bool
    public init(_ status: Int, _ description: String, isHalfMade: Bool = false) {
        self.init(status, description, isHalfMade: isHalfMade, isFull: false)
    }

    init(_ status: Int, _ description: String, isHalfMade: Bool = false, isFull: Bool) {
        self.status = status
        self.description = description
        self.isHalfMade = isHalfMade
        self.isFull = isFull
    }
}

/// What the kernel refuses becomes the answer to a request: status 500 unless said.
func answering<R: ~Copyable>(_ operation: @autoclosure () -> String, _ body: () throws(KernelError) -> R)
    throws(NetworkError) -> R
{
    do throws(KernelError) {
        return try body()
    } catch {
        throw NetworkError(500, "\(operation()): \(error)", isFull: error.errno.isFull)
    }
}
