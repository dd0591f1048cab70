import NetCore

/// Why a bundle, a container or a command line is refused: what, why, how to mend it.
public struct OCIError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    /// What the program ends with: 1, or a shell's 126 and 127.
    public let code: Int32

    public init(_ message: String, code: Int32 = 1) {
        self.message = message
        self.code = code
    }

    public init(_ error: KernelError) { self.init(error.description) }

    public var description: String { message }
}

/// What the body gives; a kernel's refusal becomes a refusal of ours.
@discardableResult
func kernel<R: ~Copyable>(_ body: () throws(KernelError) -> R) throws(OCIError) -> R {
    do throws(KernelError) {
        return try body()
    } catch {
        throw OCIError(error)
    }
}
