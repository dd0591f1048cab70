public import NetCore

/// Why a command could not be done: what, who or what said so, and how to mend it, as it stands on standard error.
public struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public let by: String?
    public let fix: String?
    /// The daemon's HTTP status, when it was the daemon that refused.
    public let status: Int?
    /// What the program ends with.
    public var exitCode: Int32 = 1

    public init(_ message: String, by: String? = nil, fix: String? = nil, status: Int? = nil, exitCode: Int32 = 1) {
        self.message = message
        self.by = by
        self.fix = fix
        self.status = status
        self.exitCode = exitCode
    }

    /// What the kernel refused.
    public init(_ error: KernelError, fix: String? = nil) {
        self.init(
            "cannot \(error.operation)", by: "\(error.errno)" + (error.explanation.map { ": \($0)" } ?? ""), fix: fix)
    }

    /// The same, with another exit code.
    public func ending(with code: Int32) -> ClientError {
        var copy = self
        copy.exitCode = code
        return copy
    }

    public var description: String {
        "berth: \(message)\n" + (by.map { "  by: \($0)\n" } ?? "") + (fix.map { "  fix: \($0)\n" } ?? "")
    }
}

/// The body's value, its kernel error as one for people.
func asking<Value: ~Copyable>(_ fix: String? = nil, _ body: () throws(KernelError) -> Value) throws(ClientError)
    -> Value
{
    do throws(KernelError) {
        return try body()
    } catch {
        throw ClientError(error, fix: fix)
    }
}
