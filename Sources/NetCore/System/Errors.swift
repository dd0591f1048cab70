import CKernel
import Glibc

/// A kernel error number with its name: `EEXIST (File exists)`.
public struct Errno: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int32
    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// The calling thread's errno: read it before anything else can change it.
    public static var current: Errno { Errno(errno) }

    public var name: String { berth_errno_name(rawValue).map { String(cString: $0) } ?? "errno \(rawValue)" }
    public var description: String { "\(name) (\(String(cString: strerror(rawValue))))" }

    public static let alreadyExists = Errno(EEXIST)
    public static let noSuchFile = Errno(ENOENT)
    public static let noSuchDevice = Errno(ENODEV)
    public static let notPermitted = Errno(EPERM)
    public static let accessDenied = Errno(EACCES)
    public static let readOnly = Errno(EROFS)
    public static let exchangeFull = Errno(EXFULL)
    public static let busy = Errno(EBUSY)
    public static let invalidArgument = Errno(EINVAL)
    public static let notSupported = Errno(EOPNOTSUPP)
    public static let tryAgain = Errno(EAGAIN)
    public static let wouldBlock = Errno(EWOULDBLOCK)
    public static let timedOut = Errno(ETIMEDOUT)
    public static let interrupted = Errno(EINTR)
    public static let notConnected = Errno(ENOTCONN)
    public static let noSuchAddress = Errno(EADDRNOTAVAIL)
    public static let noSuchProcess = Errno(ESRCH)
    public static let badMessage = Errno(EBADMSG)
    public static let tooLarge = Errno(EFBIG)

    /// A file system has no room, or none for this user, be it for bytes or for one more file.
    public var isFull: Bool { rawValue == ENOSPC || rawValue == EDQUOT }
}

/// What was attempted, on what, and what the kernel said:
/// `add address 10.88.0.2/16 to eth0: EEXIST (File exists): address already assigned`.
public struct KernelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A verb phrase: "add address 10.88.0.2/16 to eth0".
    public let operation: String
    public let errno: Errno
    /// The kernel's extended acknowledgement, or our own advice.
    public let explanation: String?

    public init(_ operation: String, _ errno: Errno, _ explanation: String? = nil) {
        self.operation = operation
        self.errno = errno
        self.explanation = explanation
    }

    public var description: String {
        "\(operation): \(errno)" + (explanation.map { ": \($0)" } ?? "")
    }

    /// Of a file that was to be written: with how to mend a disk that is full.
    public static func ofFile(_ operation: String, _ errno: Errno) -> KernelError {
        KernelError(operation, errno, errno.isFull ? "free some room there (df and df -i tell what is used up)" : nil)
    }
}

/// What DEL and GC throw: they go on past an error and report all of them.
public struct Failures: Error, Sendable, CustomStringConvertible {
    public let all: [KernelError]
    /// Nil when there is nothing to report.
    public init?(_ all: [KernelError]) {
        guard !all.isEmpty else { return nil }
        self.all = all
    }
    public var description: String { all.map(\.description).joined(by: "; ") }
}

/// The value, or nil when the kernel answers `expected`; any other error goes on.
public func ignoring<R>(_ expected: Errno, do body: () throws(KernelError) -> R) throws(KernelError) -> R? {
    do {
        return try body()
    } catch  where error.errno == expected {
        return nil
    }
}

/// As above, for one of several.
public func ignoring<R>(_ expected: Errno..., do body: () throws(KernelError) -> R) throws(KernelError) -> R? {
    do {
        return try body()
    } catch  where expected.contains(error.errno) {
        return nil
    }
}

/// The call's result, or `operation` with errno when it is negative; repeats on EINTR.
@discardableResult
public func check(_ operation: @autoclosure () -> String, _ call: () -> Int32) throws(KernelError) -> Int32 {
    Int32(truncatingIfNeeded: try check(operation()) { Int(call()) })
}

/// As above, for calls that return a count. Two functions rather than a general one, whose integer's kind would be looked
/// up at run time.
@discardableResult
public func check(_ operation: @autoclosure () -> String, _ call: () -> Int) throws(KernelError) -> Int {
    while true {
        let result = call()
        if result >= 0 { return result }
        let code = Errno.current
        if code == .interrupted { continue }
        throw KernelError(operation(), code)
    }
}
